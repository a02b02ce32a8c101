"""Blocks of an image moved to where they are seen: an approximate assignment, for a whole batch."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.tensors.layout import is_channels_last

# At most this many blocks a sample look for a better place at a time. Few want to: a block moves
# only if it is hidden and one that is seen, not far, is less salient.
_MOVERS = 2


def assign_blocks(
    shown: Tensor, saliency: Tensor, t_eps: float, rounds: int | None = None
) -> Tensor:
    r"""Which block goes where, so that salient blocks come to be seen and none goes far.

    The cost of block :math:`i` at place :math:`j` is
    :math:`c_{ij} = \epsilon\, C_{ij} - s_i\, [j \text{ is shown}]`, with :math:`C` the squared
    distance in units of the grid's sides. The paper lets each block go for its cheapest place,
    keeps the cheapest of those that meet at one place, makes that place too dear for the others,
    and starts again. That ends, without ties, at the one assignment in which no block and place
    would both gain by getting together. Here all blocks start at home, where most of them stay,
    and only those that would gain move; it ends at the same assignment.

    Args:
        shown: (N, H, W) bools, the places at which the image is seen.
        saliency: (N, H, W), of the blocks, 0 or more.
        t_eps: what distance costs, above 0.
        rounds: how many times blocks look for a place; ``None``: two more than half the rows
            or columns. Blocks that are still without one then take the places that are left.

    Returns:
        (N, H W) int64, for each place the block that goes there; each block once.
    """
    n, rows, cols = shown.shape
    size, movers = rows * cols, min(_MOVERS, rows * cols)
    down, right = (_squared_distance(k, saliency) * t_eps for k in (rows, cols))
    distance = (down[:, None, :, None] + right[None, :, None, :]).reshape(size, size)
    # A hidden block looks around if it would undercut one that is seen.
    nearest = _min_plus(torch.where(shown, saliency, torch.inf), right)
    nearest = _min_plus(nearest.mT, down).mT.flatten(1)
    salient, seen = saliency.flatten(1), shown.flatten(1).to(saliency.dtype)
    looks = (nearest < salient) & (seen == 0)
    # `size` says: no place, no block. It also is one more column, in which a write ends that is
    # not to happen.
    place = torch.arange(size + 1, device=shown.device).repeat(n, 1)  # of each block
    block = place.clone()  # at each place
    paid = torch.cat([-salient * seen, salient.new_full((n, 1), torch.inf)], 1)  # at each place
    # First come those without a place, then those that look around, then those pushed aside.
    order = torch.arange(size, -1, -1, device=shown.device, dtype=salient.dtype)
    turn = torch.cat([looks, looks[:, :1]], 1) * (order + size)
    earlier = torch.ones(movers, movers, dtype=torch.bool, device=shown.device).tril(-1)
    for _ in range(2 + max(rows, cols) // 2 if rounds is None else rounds):
        value, who = turn[:, :size].topk(movers, 1)
        left = place.gather(1, who)
        cost = distance.index_select(0, who.flatten()).view(n, movers, size)
        cost.addcmul_(salient.gather(1, who)[:, :, None], seen[:, None], value=-1)
        bound = torch.minimum(paid[:, None, :size], paid.gather(1, left)[:, :, None])
        price, goal = cost.masked_fill_(cost >= bound, torch.inf).min(2)
        wants = value > 0
        bids = wants & (price < torch.inf)
        # The cheapest of those that meet at a place wins; of equals the first.
        below, above = price[:, None, :], price[:, :, None]
        beaten = (goal[:, :, None] == goal[:, None, :]) & bids[:, None, :]
        beaten &= (below < above) | ((below == above) & earlier)
        wins = bids & ~beaten.any(2)
        after = order[who] * (torch.where(bids, price, 0) > 0)
        turn.scatter_(1, torch.where(wins | (wants & ~bids), who, size), after)
        who, goal = torch.where(wins, who, size), torch.where(wins, goal, size)
        left = torch.where(wins, left, size)
        block.scatter_(1, left, size)
        paid.scatter_(1, left, torch.inf)
        pushed = block.gather(1, goal)
        place.scatter_(1, pushed, size).scatter_(1, who, goal)
        turn.scatter_(1, pushed, (order + 2 * size)[pushed])
        block.scatter_(1, goal, who)
        paid.scatter_(1, goal, torch.where(wins, price, torch.inf))
    return _fill(place[:, :size], block[:, :size])


def move_blocks(images: Tensor, source: Tensor, grid: tuple, core: tuple) -> Tensor:
    """The images with their blocks moved, in the same memory format; pixels outside of the blocks
    stay.

    Args:
        images: (N, ch, H, W).
        source: (N, h w), for each place the block that goes there.
        grid: h and w, the number of blocks down and to the right.
        core: top, left, and height and width of one block, in pixels.
    """
    n, ch, height, width = images.shape
    (rows, cols), (top, left, tall, wide) = grid, core
    pixel = torch.arange(height * width, device=images.device).view(height, width)
    corner = pixel[top : top + rows * tall : tall, left : left + cols * wide : wide].flatten()
    where = corner[source].view(n, rows, 1, cols, 1) + pixel[:tall, None, :wide]
    where = where.view(n, rows * tall, cols * wide)
    if where.shape[1:] != pixel.shape:
        whole = pixel.repeat(n, 1, 1)
        whole[:, top : top + rows * tall, left : left + cols * wide] = where
        where = whole
    where = where.flatten(1)
    if is_channels_last(images):
        flat = images.permute(0, 2, 3, 1).reshape(n, height * width, ch)
        flat = flat.gather(1, where[:, :, None].expand(-1, -1, ch))
        return flat.view(n, height, width, ch).permute(0, 3, 1, 2)
    flat = images.reshape(n, ch, height * width)
    return flat.gather(2, where[:, None].expand(-1, ch, -1)).view(images.shape)


def _squared_distance(length: int, like: Tensor) -> Tensor:
    """(length, length), 1 from end to end."""
    at = torch.arange(length, device=like.device, dtype=like.dtype) / max(1, length - 1)
    return (at[:, None] - at).square()


def _min_plus(values: Tensor, distance: Tensor) -> Tensor:
    """(N, rows, K): min_k values[..., k] + distance[k, :], for the (N, rows, K) values."""
    low = values[..., :1] + distance[0]
    for k in range(1, distance.shape[0]):  # faster than a reduction over one more dimension
        torch.minimum(low, values[..., k : k + 1] + distance[k], out=low)
    return low


def _fill(place: Tensor, block: Tensor) -> Tensor:
    """(N, size) the block at each place, those without a place at the places without a block."""
    n, size = place.shape
    homeless, vacant = place == size, block == size
    # As many of the one as of the other: the k-th goes to the k-th.
    at = torch.where(homeless, homeless.cumsum(1) - 1, size)
    ids = torch.arange(size, device=place.device).expand(n, size)
    waiting = place.new_zeros(n, size + 1).scatter_(1, at, ids)
    rest = waiting.gather(1, (vacant.cumsum(1) - 1).clamp_min_(0))
    return torch.where(vacant, rest, block)
