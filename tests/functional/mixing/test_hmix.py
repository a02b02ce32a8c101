"""HMix: against a loop over pixels, and what it becomes at the ends of its ratio."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import cutmix, draw_centers, draw_lam, draw_pairing, hmix, mixup
from tests.laws.data import batch, generator
from tests.laws.mix_functions import SIZES

RATIOS = [0.0, 0.3, 0.5, 1.0]


def drawn(n, alpha=1.0, seed=0):
    g = generator(seed)
    return draw_lam(n, alpha, g), draw_pairing(n, g), draw_centers(n, g)


def span(length, center, ratio):
    side = round(ratio * length)
    start = round(center * length - side / 2)
    return range(max(start, 0), min(start + side, length))


def loop(images, lam, index, centers, ratio):
    """One pixel at a time: a box of area ratio * (1 - lam), cut off at the border, and around it
    a blend with what makes up the rest of the partner's share."""
    n, _, height, width = images.shape
    mixed, shares = torch.empty_like(images), []
    for i in range(n):
        share = lam[i].item()
        side = math.sqrt(ratio * (1 - share))
        rows = span(height, centers[i, 0].item(), side)
        columns = span(width, centers[i, 1].item(), side)
        outside = 1 - len(rows) * len(columns) / (height * width)
        # A box that was rounded up may be more than the partner's share.
        around = min(share / outside, 1) if outside else 0
        own_pixels = 0.0
        for y in range(height):
            for x in range(width):
                own = 0 if y in rows and x in columns else around
                mixed[i, :, y, x] = own * images[i, :, y, x]
                mixed[i, :, y, x] += (1 - own) * images[index[i], :, y, x]
                own_pixels += own
        shares.append(own_pixels / (height * width))
    return mixed, torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("size", SIZES)
def test_is_the_loop_from_the_paper(size, ratio):
    images, labels = batch(12, 2, size, torch.float64)
    lam, index, centers = drawn(12)
    mixed = hmix(images, labels, lam, index, centers, ratio=ratio)
    expected, shares = loop(images, lam, index, centers, ratio)
    assert_close(mixed.images, expected)
    assert_close(mixed.labels.shares[:, 0], shares)


def test_the_share_is_the_one_drawn_wherever_the_box_is_cut_off():
    """The pitfall of the blend around the box: counted without the box, the share is another."""
    images, labels = batch(400, 1, (32, 48), torch.float64)
    lam, index, centers = drawn(400, alpha=0.5)
    lam = lam.clamp(max=0.98)  # a box of a few pixels may be rounded up to more than its share
    share = hmix(images, labels, lam, index, centers, ratio=0.5).labels.shares[:, 0]
    assert_close(share, lam, rtol=0, atol=1e-12)
    share = hmix(images, labels, lam, index, centers, ratio=1.0).labels.shares[:, 0]
    assert bool((share <= lam + 1e-12).all())
    assert bool((share >= lam - 0.5 / 32 - 0.5 / 48).all())


def test_without_a_box_it_is_mixup_and_with_all_of_it_cutmix():
    images, labels = batch(6, 2, (8, 12), torch.float64)
    lam, index, centers = drawn(6)
    blended = hmix(images, labels, lam, index, centers, ratio=0.0)
    assert_close(blended.images, mixup(images, labels, lam, index).images)
    whole = torch.tensor([0, 7, 12, 15, 16, 0]) / 16  # of boxes of whole pixels
    middle = torch.full((6, 2), 0.5)
    pasted = hmix(images, labels, whole.double(), index, middle, ratio=1.0)
    assert_close(pasted.images, cutmix(images, labels, whole.double(), index, middle).images)
