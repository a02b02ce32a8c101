"""Co-Mixup: its energy against a loop, its descent against all labellings, pixels and labels."""

import itertools
import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import comixup, draw_comixup
from dmmix.functional.mixing.comixup import _salient
from dmmix.functional.mixing.coselection import Coselection
from tests.laws.data import batch, generator

SIZES = [(8, 8), (5, 9), (13, 6), (3, 2), (1, 7)]
DEFAULTS = dict(sources=4, beta=0.32, gamma=1.0, eta=0.05, threshold=0.83)


def salient(n, size, seed=5):
    return torch.rand(n, *size, generator=generator(seed)) ** 3


# -- the selection -------------------------------------------------------------------------------


def problem(groups=3, m=3, shape=(2, 2), starts=1, seed=0, empty=0, **options):
    """Groups of random saliency; the first has ``empty`` slots without an image."""
    g, number = generator(seed), shape[0] * shape[1]
    part = torch.rand(groups, m, number, generator=g, dtype=torch.float64) ** 3
    part = part / part.sum(2, keepdim=True)
    area = torch.rand(number, generator=g, dtype=torch.float64) + 0.5
    area = area / area.mean()
    prior = torch.rand(groups, m, m, generator=g, dtype=torch.float64) + 0.1
    valid = torch.ones(groups, m, dtype=torch.bool)
    valid[0, m - empty :] = False
    many = [t.repeat_interleave(starts, 0) for t in (part, prior, valid)]
    options = {**DEFAULTS, **options}
    selection = Coselection(many[0], area, many[1], many[2], shape, **options)
    return selection, (part, area, prior, valid, shape, options)


def random_start(groups, m, number, seed=1, valid=None):
    start = torch.rand(groups, m, number, generator=generator(seed), dtype=torch.float64)
    there = m if valid is None else valid.sum(1)[:, None, None]
    return (start * there).long()


def energy_by_loop(labels, group, part, area, prior, valid, shape, options):
    m, number = labels.shape
    outputs = [j for j in range(m) if valid[group, j]]
    taken = {j: [0.0] * m for j in outputs}
    energy = 0.0
    for j in outputs:
        for s in range(number):
            k = int(labels[j, s])
            energy -= number * float(part[group, k, s])
            energy -= options["eta"] * float(area[s]) * math.log(float(prior[group, j, k]))
            taken[j][k] += float(area[s])
            row, column = divmod(s, shape[1])
            for t in ([s + 1] if column + 1 < shape[1] else []) + (
                [s + shape[1]] if row + 1 < shape[0] else []
            ):
                energy += options["beta"] * (k != int(labels[j, t]))
    for j in outputs:
        for k in range(m):
            others = sum(taken[other][k] for other in outputs if other != j)
            excess = max(0.0, others - options["threshold"] * number)
            energy += options["gamma"] * taken[j][k] * excess
    for j, other in itertools.combinations(outputs, 2):
        if torch.equal(labels[j], labels[other]):
            energy += options["gamma"] * number
    return energy


@pytest.mark.parametrize(("m", "shape"), [(1, (2, 2)), (3, (2, 3)), (5, (4, 4)), (3, (1, 1))])
@pytest.mark.parametrize("empty", [0, 1])
def test_the_energy_is_that_of_the_formula(m, shape, empty):
    if empty == m:
        return
    selection, parts = problem(2, m, shape, empty=empty, beta=0.7, eta=0.3, threshold=0.6)
    for seed in range(8):
        labels = random_start(2, m, shape[0] * shape[1], seed, parts[3])
        if seed == 0:
            labels[:] = labels[:, :1]  # all the same
        expected = [energy_by_loop(labels[g], g, *parts) for g in range(2)]
        assert_close(selection.energy(labels), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("sources", [1, 2, 4])
@pytest.mark.parametrize("empty", [0, 2])
def test_the_energy_never_goes_up_and_images_are_as_few_as_allowed(empty, sources):
    selection, parts = problem(4, 6, (4, 4), empty=empty, sources=sources)
    labels = start = random_start(4, 6, 16, valid=parts[3]).clamp_max(sources - 1)
    energy = selection.energy(labels)
    for _ in range(4):
        for j in range(6):
            best = selection._best(labels, j)
            labels = torch.cat([labels[:, :j], best[:, None], labels[:, j + 1 :]], 1)
            now = selection.energy(labels)
            assert (now <= energy + 1e-9).all()
            energy = now
    assert torch.equal(labels, selection.descend(start, 4))
    for group, j in parts[3].nonzero().tolist():
        assert len(set(labels[group, j].tolist())) <= sources
        assert labels[group, j].max() < parts[3][group].sum()


@pytest.mark.parametrize("sources", [20, 4])
def test_better_than_each_output_for_itself_and_than_chance(sources):
    """Also with 4 images an output, which the others need not keep to."""
    groups, m, number = 4, 20, 16
    selection, _ = problem(groups, m, (4, 4), sources=sources)
    alone, _ = problem(groups, m, (4, 4), gamma=0.0, sources=m)  # each its own best
    found, alone = (each.descend(random_start(groups, m, number), 3) for each in (selection, alone))
    own = torch.arange(m)[None, :, None].expand(groups, m, number)
    chance = [random_start(groups, m, number, seed) for seed in range(50)]
    for other in (alone, own, *chance):
        assert (selection.energy(found) < selection.energy(other)).all()


@pytest.mark.parametrize(("m", "shape"), [(2, (2, 2)), (3, (1, 2)), (2, (2, 3))])
def test_close_to_the_best_of_all_labellings_of_a_tiny_group(m, shape):
    groups, starts, number = 20, 4, shape[0] * shape[1]
    every = torch.tensor(list(itertools.product(range(m), repeat=m * number)))
    one, _ = problem(groups, m, shape)
    energies = torch.stack([one.energy(z.view(m, number).expand(groups, -1, -1)) for z in every])
    many, _ = problem(groups, m, shape, starts=starts)
    labels = many.descend(random_start(groups * starts, m, number), 3)
    found = many.energy(labels).view(groups, starts).amin(1)
    best, mean = energies.amin(0), energies.mean(0)
    assert (found >= best - 1e-9).all()
    gap = ((found - best) / (mean - best)).mean()  # 1 is what a random labelling has
    assert gap < LIMITS[m, shape][0]
    better = (energies < found - 1e-9).double().mean()
    assert better < LIMITS[m, shape][1]


# Of the mean distance to the best, and the part of labellings that are better: a bit more than
# what there is.
LIMITS = {(2, (2, 2)): (0.3, 0.08), (3, (1, 2)): (0.15, 0.02), (2, (2, 3)): (0.3, 0.08)}


# -- pixels and labels ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("n", "partition"), [(1, 20), (2, 20), (7, 20), (7, 3)])
def test_each_output_is_put_together_of_blocks(n, partition, size):
    numbers = torch.arange(1.0, n + 1)[:, None, None, None].expand(n, 2, *size)
    images = numbers + torch.rand(n, 2, *size, generator=generator(2)) / 2
    draws = draw_comixup(n, generator(), partition=partition)
    mixed = comixup(images, torch.arange(n), salient(n, size), *draws)
    groups = -(-n // partition)
    group = {image: place % groups for place, image in enumerate(draws[0].tolist())}
    sources = mixed.images[:, 0].floor().long() - 1
    rows, columns = min(4, size[0]), min(4, size[1])
    for i in range(n):
        blocks = {}
        for y in range(size[0]):
            for x in range(size[1]):
                k = int(sources[i, y, x])
                assert torch.equal(mixed.images[i, :, y, x], images[k, :, y, x])
                assert group[k] == group[i]
                block = (y * rows // size[0], x * columns // size[1])
                assert blocks.setdefault(block, k) == k
        counts = torch.bincount(sources[i].flatten(), minlength=n)
        assert (counts > 0).sum() <= 4
        assert_close(mixed.labels.dense(n)[i], counts / counts.sum(), rtol=0, atol=1e-6)
        assert (mixed.labels.shares[i].diff() < 1e-6).all()  # the largest first
        assert torch.equal(mixed.mask[i, 0], sources[i] == mixed.labels.classes[i, 0])


@pytest.mark.parametrize("size", SIZES)
def test_saliency_is_summed_in_the_blocks_that_are_pasted(size):
    n, rows, columns = 3, min(4, size[0]), min(4, size[1])
    saliency = salient(n, size).double()
    expected = torch.zeros(n, rows * columns, dtype=torch.float64)
    pixels = torch.zeros(rows * columns, dtype=torch.long)
    for y in range(size[0]):
        for x in range(size[1]):
            block = (y * rows // size[0]) * columns + x * columns // size[1]
            expected[:, block] += saliency[:, y, x]
            pixels[block] += 1
    found = _salient(saliency, rows, columns, pixels)
    assert_close(found, expected / expected.sum(1, keepdim=True))


def test_what_is_salient_is_shown_and_images_are_used_evenly():
    n, size = 40, (32, 32)
    images, labels = batch(n, 1, size)
    saliency = torch.zeros(n, *size)
    for i in range(n):  # one block each
        row, column = divmod(i % 16, 4)
        saliency[i, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 1
    saliency = saliency + 0.02
    mixed = comixup(images, labels, saliency, *draw_comixup(n, generator()))
    source = torch.zeros(n, *size)
    for k in range(4):
        classes = mixed.labels.classes[:, k]
        same = (mixed.images == images[classes])[:, 0]
        source = torch.where(same, saliency[classes], source)
    # An image has 0.32 of its saliency in its block; an output shows several such blocks.
    shown = (source.sum((1, 2)) / saliency.sum((1, 2))).mean()
    assert shown > 1.5
    used = mixed.labels.dense(n).sum(0)
    assert used.min() > 0.3
    assert used.max() < 2
    assert mixed.labels.shares[:, 1].mean() > 0.1


def test_without_saliency_and_with_tiny_one():
    images, labels = batch(5)
    draws = draw_comixup(5, generator())
    for saliency in (torch.zeros(5, 8, 8), torch.full((5, 8, 8), 1e-20), torch.ones(5, 8, 8)):
        comixup(images, labels, saliency, *draws).labels.validate(5)
    saliency = salient(5, (8, 8))
    expected = comixup(images, labels, saliency, *draws)
    scaled = comixup(images, labels, saliency * 2**-60, *draws)
    assert torch.equal(expected.images, scaled.images)


# -- draws and errors ----------------------------------------------------------------------------


def test_draws():
    order, start, prior = draw_comixup(50, generator(), alpha=2.0, partition=20, starts=3)
    assert torch.equal(order.sort().values, torch.arange(50))
    assert start.shape == (50, 3, 4, 4)
    assert prior.shape == (50, 17)  # 3 groups of 17, 17 and 16
    assert_close(prior.sum(1), torch.ones(50).double())
    for n, size in ((0, 1), (1, 1), (20, 20), (21, 11)):
        assert draw_comixup(n)[2].shape == (n, size)
    for alpha in (0.5, 2.0):
        prior = draw_comixup(4000, generator(), alpha=alpha, partition=4)[2]
        assert_close(prior.mean(0), torch.full((4,), 0.25).double(), rtol=0, atol=0.02)
        variance = 0.25 * 0.75 / (4 * alpha + 1)
        assert_close(prior.var(0), torch.full((4,), variance).double(), rtol=0.15, atol=0)
    assert draw_comixup(9, alpha=1e-3)[2].min() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(alpha=0.0), "alpha must be above 0 and finite, got 0"),
        (dict(alpha=math.nan), "alpha must be above 0 and finite, got nan"),
        (dict(partition=0), "partition must be 1 or more, got 0"),
        (dict(blocks=0), "blocks must be 1 or more, got 0"),
        (dict(starts=0), "starts must be 1 or more, got 0"),
    ],
)
def test_bad_draws(options, message):
    with pytest.raises(ValueError, match=message):
        draw_comixup(4, **options)
