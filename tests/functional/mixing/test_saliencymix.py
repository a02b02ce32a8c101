"""SaliencyMix: against a loop from the paper, and by its pixels."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import (
    draw_lam,
    draw_pairing,
    fine_grained_saliency,
    saliencymix,
    spectral_residual_saliency,
)
from tests.laws.data import batch, generator
from tests.laws.mix_functions import SIZES


def draws(n, seed=0):
    g = generator(seed)
    return draw_lam(n, 1.0, g), draw_pairing(n, g)


def spots(places, size=(24, 36)):
    """Grey images, each with a white spot in a black ring at its place."""
    images = 0.5 + 0.01 * torch.rand(len(places), 3, *size, generator=generator(1))
    for image, (y, x) in zip(images, places, strict=True):
        image[:, y - 3 : y + 4, x - 3 : x + 4] = 0
        image[:, y - 1 : y + 2, x - 1 : x + 2] = 1
    return images


def saliencymix_loop(images, lam, index, maps):
    """A box of r sqrt(1 - lambda) around the peak of the partner's map, pixel by pixel."""
    height, width = images.shape[-2:]
    mixed, shares = images.clone(), []
    for i, j in enumerate(index):
        flat = maps[j].flatten().tolist()
        middle = divmod(flat.index(max(flat)), width)
        sides = [round(math.sqrt(1 - lam[i]) * length) for length in (height, width)]
        first = [m - side // 2 for m, side in zip(middle, sides, strict=True)]
        pasted = 0
        for y in range(height):
            for x in range(width):
                if 0 <= y - first[0] < sides[0] and 0 <= x - first[1] < sides[1]:
                    mixed[i, :, y, x] = images[j, :, y, x]
                    pasted += 1
        shares.append(1 - pasted / (height * width))
    return mixed, torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize("saliency", ["fine_grained", "given"])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_loop_from_the_paper(size, saliency):
    for seed in range(2):
        images, labels = batch(6, 3, size, torch.float64)
        lam, index = draws(6, seed)
        given = torch.rand(6, *size, generator=generator(seed)) if saliency == "given" else None
        maps = fine_grained_saliency(images) if given is None else given
        mixed = saliencymix(images, labels, lam, index, saliency=given)
        expected, shares = saliencymix_loop(images, lam.tolist(), index.tolist(), maps)
        assert torch.equal(mixed.images, expected)
        assert_close(mixed.labels.shares[:, 0], shares)


# -- where the box is ----------------------------------------------------------------------------


@pytest.mark.parametrize("saliency", [fine_grained_saliency, spectral_residual_saliency])
def test_each_box_is_around_the_spot_of_its_own_partner(saliency):
    # One sample's map for the whole batch, or the map of the first image, puts it elsewhere.
    places = [(6, 6), (17, 29), (6, 29), (17, 6), (12, 18)]
    images = spots(places)
    index = torch.tensor([1, 2, 3, 4, 0])
    maps, lam = saliency(images), torch.full((5,), 0.9)
    mixed = saliencymix(images, torch.arange(5), lam, index, saliency=maps)
    for i in range(5):
        pasted = (~mixed.mask[i, 0]).nonzero().double()
        middle = pasted.mean(0)
        assert_close(middle, torch.tensor(places[index[i]]).double(), rtol=0, atol=4)


def test_height_and_width_are_not_swapped():
    maps = torch.zeros(2, 20, 30)
    maps[0, 4, 25] = maps[1, 15, 4] = 1
    images, labels = batch(2, 3, (20, 30))
    lam, index = torch.full((2,), 0.96), torch.tensor([1, 0])
    mixed = saliencymix(images, labels, lam, index, saliency=maps)
    expected = torch.ones(2, 1, 20, 30, dtype=torch.bool)
    expected[0, :, 13:17, 1:7] = False  # 4 x 6 pixels around (15, 4)
    expected[1, :, 2:6, 22:28] = False
    assert torch.equal(mixed.mask, expected)


@pytest.mark.parametrize("saliency", [fine_grained_saliency, spectral_residual_saliency])
def test_a_normalised_batch_gets_the_boxes_of_the_plain_one(saliency):
    images = spots([(6, 6), (17, 29), (6, 29), (17, 6)])
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    lam, index = draws(4)
    plain = saliencymix(images, torch.arange(4), lam, index, saliency=saliency(images))
    for same in (255 * images, (images - mean) / std, images.half(), 1e-2 * images - 3):
        mixed = saliencymix(same, torch.arange(4), lam, index, saliency=saliency(same))
        assert torch.equal(mixed.mask, plain.mask)
