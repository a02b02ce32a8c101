"""GMix: against a loop over pixels, and where its spot is whose."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import draw_centers, draw_lam, draw_pairing, gmix
from tests.laws.data import batch, generator
from tests.laws.mix_functions import SIZES


def spot(share, dy, dx, area):
    """How much of a pixel, so far from the centre, a spot of this share of the area has."""
    return math.exp(-math.pi * (dy * dy + dx * dx) / (share * area)) if share else 0


def loop(images, lam, index, centers):
    """One pixel at a time: the image with the smaller share is a round spot in the other."""
    n, _, height, width = images.shape
    mixed, shares = torch.empty_like(images), []
    for i in range(n):
        share, own_pixels = lam[i].item(), 0.0
        for y in range(height):
            for x in range(width):
                dy = y + 0.5 - centers[i, 0].item() * height
                dx = x + 0.5 - centers[i, 1].item() * width
                if share < 0.5:
                    own = spot(share, dy, dx, height * width)
                else:
                    own = 1 - spot(1 - share, dy, dx, height * width)
                mixed[i, :, y, x] = own * images[i, :, y, x]
                mixed[i, :, y, x] += (1 - own) * images[index[i], :, y, x]
                own_pixels += own
        shares.append(own_pixels / (height * width))
    return mixed, torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize("size", SIZES)
def test_is_the_loop_from_the_paper(size):
    g = generator(3)
    images, labels = batch(14, 2, size, torch.float64)
    lam = torch.cat([draw_lam(12, 1.0, g), torch.tensor([0.5, 1e-300]).double()])
    index, centers = draw_pairing(14, g), draw_centers(14, g)
    mixed = gmix(images, labels, lam, index, centers)
    expected, shares = loop(images, lam, index, centers)
    assert_close(mixed.images, expected)
    assert_close(mixed.labels.shares[:, 0], shares)


def test_a_spot_inside_the_image_has_the_share_that_was_drawn():
    """Also in images that are not square: whatever the sides, it is that of their area."""
    lam = torch.tensor([0.02, 0.05, 0.95, 0.98]).double()
    for size in [(64, 64), (40, 80), (96, 48)]:
        images, labels = batch(4, 2, size, torch.float64)
        mixed = gmix(images, labels, lam, torch.arange(4).roll(1), torch.full((4, 2), 0.5))
        assert_close(mixed.labels.shares[:, 0], lam, rtol=0, atol=1e-4)


def test_it_is_round_in_pixels_and_of_the_image_with_less():
    """The pitfall of swapped labels: a small share is the spot, a large one what is around it."""
    images, labels = torch.zeros(2, 1, 21, 33), torch.arange(2)
    images[0] = 1
    own = torch.tensor([0.1, 0.9])
    centers = torch.full((2, 2), 0.5)
    first = gmix(images, labels, own, torch.tensor([1, 0]), centers)
    assert first.images[0, 0, 10, 16] == 1
    assert first.images[0, 0, 0, 0] < 1e-3
    assert_close(first.images[0, 0, 10, 9:24], first.images[0, 0, 3:18, 16])
    assert bool((first.labels.shares[:, 0] - own).abs().max() < 0.01)
    assert_close(first.images[0], first.images[1])  # 0.1 of one is 0.9 of the other
