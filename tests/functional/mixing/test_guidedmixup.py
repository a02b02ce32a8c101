"""GuidedMixup as functions: the mask, the pairing, the smoothing."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import draw_lam, draw_pairing, greedy_pairing, guidedmixup, smooth_saliency
from tests.laws.data import batch, generator
from tests.laws.mix_functions import SIZES
from tests.mixups.waits import Waits


def maps(n, size=(8, 8), seed=0, dtype=torch.float64):
    return torch.rand(n, *size, generator=generator(seed), dtype=dtype) ** 4


def draws(n, size=(8, 8), seed=0):
    """lam, index, saliency."""
    g = generator(seed)
    return draw_lam(n, 1.0, g), draw_pairing(n, g), maps(n, size, seed)


def loop(images, lam, index, saliency):
    """A pixel at a time."""
    mixed, shares = torch.empty_like(images), []
    height, width = images.shape[-2:]
    for i, j in enumerate(index):
        first, second = (saliency[k] / saliency[k].sum() for k in (i, j))
        total = 0.0
        for y in range(height):
            for x in range(width):
                a, b = lam[i] * first[y, x].item(), (1 - lam[i]) * second[y, x].item()
                ratio = a / (a + b)
                mixed[i, :, y, x] = ratio * images[i, :, y, x] + (1 - ratio) * images[j, :, y, x]
                total += ratio
        shares.append(total / (height * width))
    return mixed, torch.tensor(shares, dtype=images.dtype)


@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_loop_from_the_paper(size):
    images, labels = batch(5, 2, size, torch.float64)
    lam, index, saliency = draws(5, size)
    for given, weight in ((None, [0.5] * 5), (lam, lam.tolist())):
        mixed = guidedmixup(images, labels, given, index, saliency)
        expected, shares = loop(images, weight, index.tolist(), saliency)
        assert_close(mixed.images, expected)
        assert_close(mixed.labels.shares[:, 0], shares)


def test_each_pixel_is_of_the_image_that_is_salient_there():
    images, labels = batch(2, 3, (6, 6))
    saliency = torch.zeros(2, 6, 6)
    saliency[0, :2] = 1  # rows 0 and 1, then 2 to 4; neither in row 5
    saliency[1, 2:5] = 5
    mixed = guidedmixup(images, labels, None, torch.tensor([1, 0]), saliency)
    assert torch.equal(mixed.images[0, :, :2], images[0, :, :2])
    assert torch.equal(mixed.images[0, :, 2:5], images[1, :, 2:5])
    assert_close(mixed.images[0, :, 5], (images[0, :, 5] + images[1, :, 5]) / 2)
    expected = (2 * 1 + 3 * 0 + 1 * 0.5) / 6
    assert_close(mixed.labels.shares[0], torch.tensor([expected, 1 - expected]))


def test_the_scale_of_a_map_does_not_matter():
    images, labels = batch(4)
    lam, index, saliency = draws(4)
    scaled = saliency * torch.tensor([1e-12, 1.0, 1e6, 3.0])[:, None, None]
    a = guidedmixup(images, labels, lam, index, saliency)
    b = guidedmixup(images, labels, lam, index, scaled)
    assert_close(a.images, b.images)


@pytest.mark.parametrize("value", [0.0, 1.0, 1e-40, -2.0])
def test_maps_that_say_nothing_mix_evenly(value):
    images, labels = batch(4)
    lam, index, _ = draws(4)
    saliency = torch.full((4, 8, 8), value)
    mixed = guidedmixup(images, labels, None, index, saliency)
    assert_close(mixed.labels.shares, torch.full((4, 2), 0.5))
    assert_close(mixed.images, (images + images[index]) / 2)
    mixed = guidedmixup(images, labels, lam, index, saliency)
    assert_close(mixed.labels.shares[:, 0], lam.float())


# -- the pairing -----------------------------------------------------------------------------------


def greedy_loop(saliency):
    """One circle: the furthest pair first, then always the furthest of those left."""
    n = len(saliency)
    shares = [s / s.sum() for s in saliency]
    distance = [[float((a - b).square().sum().sqrt()) for b in shares] for a in shares]
    pairs = [(distance[i][j], -i, -j) for i in range(n) for j in range(n) if i != j]
    first = -max(pairs)[1] if pairs else 0
    index, row, left = [0] * n, first, set(range(n)) - {first}
    while left:
        partner = max(left, key=lambda j: (distance[row][j], -j))
        index[row], row = partner, partner
        left.remove(partner)
    if n:
        index[row] = first
    return index


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 7, 20])
def test_the_pairing_is_the_greedy_loop(n):
    for seed in range(5):
        saliency = maps(n, (5, 6), seed)
        assert greedy_pairing(saliency).tolist() == greedy_loop(saliency)


def test_the_pairing_keeps_salient_regions_apart():
    n = 32
    saliency = torch.zeros(n, 8, 8)
    for i in range(n):  # half of them at the left, half at the right
        saliency[i, :, :4] = float(i % 2) + 0.01 * torch.rand(8, 4, generator=generator(i))
        saliency[i, :, 4:] = float(1 - i % 2)
    index = greedy_pairing(saliency)
    assert bool(((index + torch.arange(n)) % 2 == 1).all())
    # And in general further apart than at random.
    saliency = smooth_saliency(maps(n, (12, 12), 1))
    saliency = saliency / saliency.sum((1, 2), keepdim=True)

    def overlap(index):
        return torch.minimum(saliency, saliency[index]).sum((1, 2)).mean()

    chance = torch.stack([overlap(draw_pairing(n, generator(s), False)) for s in range(20)])
    assert overlap(greedy_pairing(saliency)) < chance.min()


def test_equal_maps_are_paired_all_the_same():
    for value in (0.0, 1.0, -1.0):
        index = greedy_pairing(torch.full((6, 4, 4), value))
        assert torch.equal(index.sort().values, torch.arange(6))
        assert bool((index != torch.arange(6)).all())


# -- the smoothing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("reach", "sigma"), [(3, 3.0), (1, 0.7), (0, 3.0)])
@pytest.mark.parametrize("size", [*SIZES, (20, 17)])
def test_smoothing_is_a_gaussian(size, reach, sigma):
    saliency, (height, width) = maps(2, size), size
    steps = range(-reach, reach + 1)
    bell = {k: math.exp(-(k**2) / (2 * sigma**2)) for k in steps}
    expected = torch.zeros_like(saliency)
    for y in range(height):
        for x in range(width):
            for dy in steps:
                for dx in steps:
                    near_y = min(max(y + dy, 0), height - 1)
                    near_x = min(max(x + dx, 0), width - 1)
                    weight = bell[dy] * bell[dx] / sum(bell.values()) ** 2
                    expected[:, y, x] += weight * saliency[:, near_y, near_x]
    assert_close(smooth_saliency(saliency, 2 * reach + 1, sigma), expected)
    assert smooth_saliency(saliency.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(kernel_size=4), "kernel_size must be odd and 1 or more, got 4"),
        (dict(kernel_size=-1), "kernel_size must be odd"),
        (dict(sigma=0.0), "sigma must be above 0, got 0"),
        (dict(sigma=math.nan), "sigma must be above 0, got nan"),
    ],
)
def test_bad_smoothing(options, message):
    with pytest.raises(ValueError, match=message):
        smooth_saliency(maps(2), **options)


def test_pairing_and_smoothing_write_nowhere_wait_for_nothing_and_compile():
    saliency = maps(6)
    copy, version = saliency.clone(), saliency._version

    def pair(saliency):
        smooth = smooth_saliency(saliency)
        return smooth, greedy_pairing(smooth)

    with Waits() as waits:
        expected = pair(saliency)
    assert waits.found == []
    assert_close(torch.compile(pair, fullgraph=True, backend="aot_eager")(saliency), expected)
    assert torch.equal(saliency, copy)
    assert saliency._version == version
