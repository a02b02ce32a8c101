"""SmoothMix: against a loop over pixels, and what is in the images."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import draw_centers, draw_lam, draw_pairing, draw_sigma, smoothmix
from tests.laws.data import batch, generator
from tests.laws.mix_functions import SIZES


def draws(n):
    g = generator()
    sigma = draw_sigma(n, generator=g)
    return draw_pairing(n, g), draw_centers(n, g), sigma


def loop(images, sigma, index, centers):
    """One pixel at a time; the share of the first image is that of the pixels."""
    n, _, height, width = images.shape
    mixed, shares = torch.empty_like(images), []
    for i in range(n):
        kept = 0.0
        for y in range(height):
            for x in range(width):
                dy = ((y + 0.5) / height - centers[i, 0].item()) / sigma[i].item()
                dx = ((x + 0.5) / width - centers[i, 1].item()) / sigma[i].item()
                spot = math.exp(-(dy * dy + dx * dx) / 2)
                mixed[i, :, y, x] = (1 - spot) * images[i, :, y, x]
                mixed[i, :, y, x] += spot * images[index[i], :, y, x]
                kept += 1 - spot
        shares.append(kept / (height * width))
    return mixed, torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize("size", SIZES)
def test_is_the_loop_from_the_paper(size):
    images, labels = batch(5, 2, size, torch.float64)
    index, centers, sigma = draws(5)
    mixed = smoothmix(images, labels, None, index, centers, sigma=sigma)
    expected, shares = loop(images, sigma, index, centers)
    assert_close(mixed.images, expected)
    assert_close(mixed.labels.shares[:, 0], shares)


def test_the_first_image_is_what_lies_around_the_spot():
    """The pitfall of swapped labels: a small spot leaves most of the first image."""
    images = torch.zeros(2, 1, 21, 21)
    images[0] = 1
    centers = torch.full((2, 2), 0.5)
    index, sigma = torch.tensor([1, 0]), torch.full((2,), 0.1)
    mixed = smoothmix(images, torch.arange(2), None, index, centers, sigma=sigma)
    assert mixed.images[0, 0, 0, 0] > 0.99
    assert mixed.images[0, 0, 10, 10] == 0
    assert bool((mixed.labels.shares[:, 0] > 0.9).all())
    assert mixed.labels.classes.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("size", [(8, 8), (5, 9), (32, 48)])
def test_a_wanted_share_is_met(size):
    n = 400
    images, labels = batch(n, 1, size)
    lam = torch.cat([draw_lam(n - 100, 0.3, generator()), torch.linspace(0, 1, 100).double()])
    index, centers = draw_pairing(n, generator()), draw_centers(n, generator())
    centers[:9] = 0.5  # for odd sizes in the middle of a pixel
    share = smoothmix(images, labels, lam, index, centers).labels.shares[:, 0].double()
    # As close as a spot of one pixel allows, whose partner has all of that pixel.
    near_one = lam > 1 - 2 / (size[0] * size[1])
    assert_close(share[~near_one], lam[~near_one], rtol=0, atol=2e-6)
    assert bool((share - lam).abs().max() <= 1 / (size[0] * size[1]) + 1e-6)


def test_the_share_found_is_that_of_a_spot():
    images, labels = batch(5, 1, (9, 14), torch.float64)
    index, centers, sigma = draws(5)
    drawn = smoothmix(images, labels, None, index, centers, sigma=sigma)
    found = smoothmix(images, labels, drawn.labels.shares[:, 0], index, centers)
    assert_close(found.images, drawn.images, rtol=0, atol=1e-7)


def test_the_spot_has_the_proportions_of_the_image():
    images, middle, sigma = torch.zeros(1, 1, 20, 60), torch.full((1, 2), 0.5), torch.tensor([0.2])
    own = torch.zeros(1).long()
    mask = smoothmix(images, own, None, own, middle, sigma=sigma).mask[0, 0]
    assert_close(mask[:, 30], mask[:, 29])
    thirds = mask[:, 1::3]  # every third column is a row, turned
    assert_close(thirds, thirds.T)
    assert_close(mask, mask.flip(0))
    assert_close(mask, mask.flip(1))


def test_widths_are_uniform():
    stats = pytest.importorskip("scipy.stats")
    sigma = draw_sigma(5000, generator=generator(3))
    assert stats.kstest((sigma.numpy() - 0.25) * 4, "uniform").pvalue > 1e-3
    assert draw_sigma(6, 0.1, 0.2, generator(), per_batch=True).shape == (1,)
    for low, high in [(0, 1), (0.5, 0.4), (0.1, math.inf), (math.nan, 1)]:
        with pytest.raises(ValueError, match="low and high must satisfy 0 < low <= high"):
            draw_sigma(3, low, high)
