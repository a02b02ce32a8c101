"""ResizeMix: against a loop from the paper, against torch's own resizing, and by its pixels."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import draw_centers, draw_lam, draw_pairing, resizemix
from tests.laws.data import batch, generator
from tests.laws.mix_functions import SIZES


def draws(n, seed=0):
    """lam, index and places for a batch, with scales as in the paper."""
    g = generator(seed)
    tau = 0.1 + 0.7 * draw_lam(n, 1.0, g)
    return 1 - tau.square(), draw_pairing(n, g), draw_centers(n, g)


def box(lam, place, size):
    """(top, bottom, left, right) of one sample."""
    edges = []
    for length, fraction in zip(size, place, strict=True):
        side = round(math.sqrt(1 - lam) * length)
        start = min(math.floor(fraction * (length - side + 1)), length - side)
        edges += [start, start + side]
    return edges


def resize_line(values, side):
    """One line of pixels made shorter: a triangle around each new pixel, its sum 1."""
    scale = len(values) / side
    line = []
    for i in range(side):
        center, total, value = (i + 0.5) * scale, 0.0, 0.0
        for k, pixel in enumerate(values):
            weight = max(0.0, 1 - abs(k + 0.5 - center) / max(scale, 1.0))
            total += weight
            value += weight * pixel
        line.append(value / total)
    return line


def resizemix_loop(images, lam, index, places):
    height, width = images.shape[-2:]
    mixed, shares = images.clone(), []
    for i, j in enumerate(index):
        top, bottom, left, right = box(lam[i], places[i], (height, width))
        if bottom > top and right > left:
            for c in range(images.shape[1]):
                rows = [resize_line(row, right - left) for row in images[j, c].tolist()]
                columns = [resize_line(column, bottom - top) for column in zip(*rows, strict=True)]
                mixed[i, c, top:bottom, left:right] = torch.tensor(columns, dtype=images.dtype).T
        shares.append(1 - (bottom - top) * (right - left) / (height * width))
    return mixed, torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_loop_from_the_paper(size):
    for seed in range(3):
        images, labels = batch(6, 2, size, torch.float64)
        lam, index, places = draws(6, seed)
        mixed = resizemix(images, labels, lam, index, places)
        expected, shares = resizemix_loop(images, lam.tolist(), index.tolist(), places.tolist())
        assert_close(mixed.images, expected)
        assert_close(mixed.labels.shares[:, 0], shares)


# -- what is in the images is what the labels say ----------------------------------------------


def test_height_and_width_are_not_swapped():
    # Half as high, half as wide: in a swapped box 6 x 10 of an image of 20 x 12.
    images, labels = batch(2, 1, (20, 12))
    lam, index = torch.full((2,), 0.75), torch.tensor([1, 0])
    mask = resizemix(images, labels, lam, index, torch.ones(2, 2)).mask
    expected = torch.ones(2, 1, 20, 12, dtype=torch.bool)
    expected[:, :, 10:, 6:] = False
    assert torch.equal(mask, expected)
    # And the picture stands upright.
    images = torch.arange(20.0)[:, None].expand(2, 1, 20, 12)
    mixed = resizemix(images, labels, lam, index, torch.ones(2, 2)).images
    assert bool((mixed[:, :, 10:, 6:].diff(dim=2) > 1).all())
    assert_close(mixed[:, :, 10:, 6:].diff(dim=3), torch.zeros(2, 1, 10, 5))


def test_the_box_lies_inside_and_all_places_are_equally_likely():
    stats = pytest.importorskip("scipy.stats")
    n, size = 6000, (10, 7)
    images = torch.zeros(n, 1, *size)
    lam, index, places = draws(n)
    lam = torch.full_like(lam, 0.75)  # a box of 5 x 4 (3.5 is rounded to even): 6 x 4 places
    pasted = ~resizemix(images, torch.zeros(n).long(), lam, index, places).mask[:, 0]
    assert torch.equal(pasted.sum((1, 2)), torch.full((n,), 20))
    top = pasted.any(2).int().argmax(1)
    left = pasted.any(1).int().argmax(1)
    counts = torch.bincount(top * 4 + left, minlength=24)
    assert counts.shape == (24,)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3
