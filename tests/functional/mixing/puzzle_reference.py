"""PuzzleMix one sample at a time, in NumPy with PyMaxflow's graph cut, from the paper.

For tests and for the benchmark.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

try:
    import maxflow
except ImportError:  # there is no build of it for this Python or platform
    maxflow = None

FORBIDDEN = 1e6


def puzzlemix(
    images,
    lam,
    index,
    saliency,
    block_num=4,
    n_labels=3,
    beta=1.2,
    gamma=0.5,
    eta=0.2,
    neigh_size=4,
    transport=True,
    t_eps=0.8,
):
    """(N, ch, H, W) mixed images, (N, rows, columns) parts of the first one, (N, H, W) masks."""
    mixed, parts, masks = np.empty_like(images), [], []
    height, width = images.shape[-2:]
    core, sides, (row, column) = layout(height, width, block_num)
    distance = t_eps * squared_distance(row[-1] + 1, column[-1] + 1)
    for i, j in enumerate(index):
        unary, down, right = energy_terms(
            images[i][core], images[j][core], saliency[i][core], saliency[j][core], lam[i],
            sides, n_labels, beta, gamma, eta, neigh_size,
        )  # fmt: skip
        part = cut(unary, down, right) / (n_labels - 1)
        part = np.where(lam[i] >= 1, 1.0, np.where(lam[i] <= 0, 0.0, part))
        first, second = images[i], images[j]
        if transport:
            first = moved(first, part > 0, saliency[i][core], distance, core, sides)
            second = moved(second, part < 1, saliency[j][core], distance, core, sides)
        mask = part[row][:, column]
        mixed[i] = mask * first + (1 - mask) * second
        parts.append(part)
        masks.append(mask)
    return mixed, np.stack(parts), np.stack(masks)


def layout(height, width, block_num):
    """Where the blocks are (a slice), the sides of one, and the row and column of each pixel."""
    slices, sides, places = [Ellipsis], [], []
    for length in (height, width):
        choices = []
        for side in {max(1, length // block_num), math.ceil(length / block_num)}:
            number = min(block_num, length // side)
            choices.append((length - number * side, side, number))
        _, side, number = min(choices)
        start = (length - number * side) // 2
        slices.append(slice(start, start + number * side))
        sides.append(side)
        places.append(np.clip((np.arange(length) - start) // side, 0, number - 1))
    return tuple(slices), sides, places


# -- the energy ----------------------------------------------------------------------------------


def energy_terms(
    first, second, s1, s2, lam, sides, n_labels, beta=1.2, gamma=0.5, eta=0.2, neigh_size=4
):
    """Cost of each label of each block (L, h, w), and weights (h - 1, w), (h, w - 1)."""
    m = n_labels - 1
    s1, s2 = pooled(s1, sides), pooled(s2, sides)
    s1, s2 = s1 / s1.sum(), s2 / s2.sum()
    lam = min(max(lam, 1e-6), 1 - 1e-6)
    pair = np.stack([first, second])
    span = pair.max((0, 2, 3)) - pair.min((0, 2, 3))
    neigh = [max(k for k in range(1, min(s, neigh_size) + 1) if s % k == 0) for s in sides]
    a, b = pooled(first, neigh), pooled(second, neigh)
    squares = [side // n for side, n in zip(sides, neigh, strict=True)]
    smooth = beta / 16 / math.sqrt(s1.size)
    lost1, lost2, weights = s1.copy(), s2.copy(), []
    for axis in (0, 1):
        d = {}
        for p, x in ((1, a), (0, b)):
            for q, y in ((1, a), (0, b)):
                d[p, q] = border(x, y, squares, axis, span)
        before = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
        after = (slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))
        half = smooth * gamma / 2
        lost2[before] += half * (d[1, 0] + d[1, 1])
        lost2[after] += half * (d[0, 1] + d[1, 1])
        lost1[before] += half * (d[0, 1] + d[0, 0])
        lost1[after] += half * (d[1, 0] + d[0, 0])
        weights.append(smooth + half * (d[1, 0] + d[0, 1] - d[1, 1] - d[0, 0]))
    unary = []
    for k in range(n_labels):
        z = k / m
        p = math.comb(m, k) * lam**k * (1 - lam) ** (m - k)
        unary.append(z * lost2 + (1 - z) * lost1 - eta * math.log(p) / s1.size)
    return np.stack(unary), *weights


def border(x, y, squares, axis, span):
    """How far x before and y after each border between blocks are apart."""
    if axis == 1:
        x, y, squares = x.swapaxes(1, 2), y.swapaxes(1, 2), squares[::-1]
    across, along = squares
    apart = x[:, across - 1 : -1 : across] - y[:, across::across]
    apart = (np.abs(apart) / span[:, None, None]).mean(0)
    apart = apart.reshape(len(apart), apart.shape[1] // along, along).mean(2)
    return apart.T if axis == 1 else apart


def pooled(x, sides):
    *more, height, width = x.shape
    tall, wide = sides
    return x.reshape(*more, height // tall, tall, width // wide, wide).mean((-3, -1))


def energy(labels, unary, down, right):
    z = labels / (len(unary) - 1)
    e = np.take_along_axis(unary, labels[None], 0).sum()
    return e + (down * (z[1:] - z[:-1]) ** 2).sum() + (right * (z[:, 1:] - z[:, :-1]) ** 2).sum()


def cut(unary, down, right):
    """The labels of least energy, exactly: one cut of a graph with a node for each step
    ``label >= k`` of each block (Ishikawa).

    (sum_k a_k - sum_l b_l)^2 = sum_kl |a_k - b_l| + sum_k (2k - 1 - m) (a_k + b_k).
    """
    m, height, width = len(unary) - 1, *unary.shape[1:]
    count = np.zeros((height, width))
    count[:-1] += down
    count[1:] += down
    count[:, :-1] += right
    count[:, 1:] += right
    k = np.arange(1, m + 1)[:, None, None]
    cost = np.diff(unary, axis=0) + (2 * k - 1 - m) / m**2 * count
    nodes = np.arange(m * height * width).reshape(m, height, width)
    graph = maxflow.GraphFloat(nodes.size, 2 * m * m * nodes.size)
    graph.add_nodes(nodes.size)
    for i, j in itertools.product(range(m), repeat=2):
        w = (down / m**2).ravel()
        graph.add_edges(nodes[i, :-1].ravel(), nodes[j, 1:].ravel(), w, w)
        w = (right / m**2).ravel()
        graph.add_edges(nodes[i, :, :-1].ravel(), nodes[j, :, 1:].ravel(), w, w)
    for i in range(m - 1):
        high, low = nodes[i + 1].ravel(), nodes[i].ravel()
        graph.add_edges(high, low, np.full(low.size, FORBIDDEN), np.zeros(low.size))
    graph.add_grid_tedges(nodes, np.maximum(-cost, 0), np.maximum(cost, 0))
    graph.maxflow()
    return (~graph.get_grid_segments(nodes)).sum(0)


def swap(unary, down, right, sweeps=5):
    """Labels by alpha-beta swaps until none helps, as the authors' code finds them: for each pair
    of labels, the best exchange of the two among the blocks that have one of them, by a cut."""
    m, shape = len(unary) - 1, unary.shape[1:]
    labels = unary.argmin(0)
    best = energy(labels, unary, down, right)
    rows, cols = np.indices(shape)
    pairs = [((rows[:-1], cols[:-1]), (rows[1:], cols[1:]), down)]
    pairs.append(((rows[:, :-1], cols[:, :-1]), (rows[:, 1:], cols[:, 1:]), right))
    for _ in range(sweeps):
        start = best
        for a, b in itertools.combinations(range(m + 1), 2):
            free = (labels == a) | (labels == b)
            cost = np.stack([unary[a], unary[b]])
            inner = []
            for here, there, w in pairs:
                for p, q in ((here, there), (there, here)):
                    only = free[p] & ~free[q]
                    for side, label in ((0, a), (1, b)):
                        extra = w * ((label - labels[q]) / m) ** 2
                        np.add.at(cost[side], (p[0][only], p[1][only]), extra[only])
                inner.append(np.where(free[here] & free[there], w * ((a - b) / m) ** 2, 0))
            choice = cut(cost, inner[0], inner[1])
            trial = np.where(free, np.where(choice == 1, b, a), labels)
            value = energy(trial, unary, down, right)
            if value < best - 1e-12:
                labels, best = trial, value
        if best >= start - 1e-12:
            break
    return labels


# -- the transport -------------------------------------------------------------------------------


def squared_distance(rows, columns):
    """Between all blocks, each side of the grid being 1."""
    y, x = np.divmod(np.arange(rows * columns), columns)
    y, x = y / max(1, rows - 1), x / max(1, columns - 1)
    return (y[:, None] - y) ** 2 + (x[:, None] - x) ** 2


def moved(image, shown, saliency, distance, core, sides):
    """The image with its blocks transported."""
    (rows, columns), (tall, wide) = shown.shape, sides
    salient = pooled(saliency, sides)
    place = transport(salient.ravel() / salient.sum(), shown.ravel(), distance)
    out = image.copy()
    blocks = (len(image), rows, tall, columns, wide)
    source, goal = image[core].reshape(blocks), np.empty(blocks, image.dtype)
    y, x = np.divmod(np.arange(rows * columns), columns)
    goal[:, place // columns, :, place % columns] = source[:, y, :, x]
    out[core] = goal.reshape(image[core].shape)
    return out


def transport(salient, shown, distance):
    """The place of each block: the algorithm of the paper, until no two blocks meet."""
    cost = distance - salient[:, None] * shown
    block = np.arange(len(cost))
    while True:
        goal = cost.argmin(1)
        fight = np.full_like(cost, np.inf)
        fight[block, goal] = cost[block, goal]
        loser = block[fight.argmin(0)[goal] != block]
        if len(loser) == 0:
            return goal
        cost[loser, goal[loser]] += FORBIDDEN
