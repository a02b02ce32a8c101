"""CutMix: against the loop from the paper and other implementations, and where its box is."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import cutmix, draw_centers, draw_lam, draw_pairing
from tests.laws.data import batch, generator
from tests.laws.mix_functions import SIZES
from tests.laws.mixes import tensors

from .others import same_distribution, timm_shares, torchvision_shares, torchvision_v2


def draws(n, alpha=1.0, seed=0, per_batch=False):
    """lam, index, centers."""
    g = generator(seed)
    return draw_lam(n, alpha, g, per_batch), draw_pairing(n, g), draw_centers(n, g, per_batch)


def loop(images, lam, index, centers, inside):
    """r_w = W sqrt(1 - lambda), r_h = H sqrt(1 - lambda), and what is left after clipping."""
    height, width = images.shape[-2:]
    mixed, shares = images.clone(), []
    for i, j in enumerate(index):
        edges = []
        for length, center in ((height, centers[i][0]), (width, centers[i][1])):
            side = round(math.sqrt(1 - lam[i]) * length)
            start = round(center * length - side / 2)
            if inside:
                start = min(max(start, 0), length - side)
            edges.append((max(start, 0), min(start + side, length)))
        (top, bottom), (left, right) = edges
        mixed[i, :, top:bottom, left:right] = images[j, :, top:bottom, left:right]
        shares.append(1 - (bottom - top) * (right - left) / (height * width))
    return mixed, torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_loop_from_the_paper(size, inside):
    images, labels = batch(8, 3, size, torch.float64)
    for seed in range(3):
        lam, index, centers = draws(8, seed=seed)
        mixed = cutmix(images, labels, lam, index, centers, inside=inside)
        given = lam.tolist(), index.tolist(), centers.tolist()
        expected, shares = loop(images, *given, inside)
        assert torch.equal(mixed.images, expected)
        assert_close(mixed.labels.shares[:, 0], shares)


@pytest.mark.parametrize("inside", [False, True])
def test_one_box_for_the_batch_is_the_box_of_each_sample(inside):
    """It is worked out in Python's floats: as torch's, for boxes of all sizes."""
    for seed in range(400):
        g = generator(seed)
        height, width = torch.randint(1, 40, (2,), generator=g).tolist()
        images, labels = torch.randn(3, 2, height, width, generator=g), torch.arange(3)
        lam, index, centers = draws(3, 0.7, seed, per_batch=True)
        once = cutmix(images, labels, lam, index, centers, inside=inside)
        each = cutmix(images, labels, lam.repeat(3), index, centers.repeat(3, 1), inside=inside)
        for one, other in zip(tensors(once), tensors(each), strict=True):
            assert torch.equal(one, other)


def test_one_box_of_all_or_nothing():
    images, index = torch.randn(4, 1, 5, 6), torch.tensor([1, 2, 3, 0])
    for value in (0.0, 1.0):
        lam, centers = torch.full((1,), value).double(), torch.full((1, 2), 0.5).double()
        mixed = cutmix(images, torch.arange(4), lam, index, centers)
        assert torch.equal(mixed.images, images if value else images[index])
        assert torch.equal(mixed.labels.shares[:, 0], torch.full((4,), value))


def test_the_box_reaches_all_pixels_alike_left_and_right():
    images, labels = torch.zeros(20000, 1, 6, 9), torch.zeros(20000).long()
    cover = (~cutmix(images, labels, *draws(20000)).mask)[:, 0].double().mean(0)
    assert_close(cover, cover.flip(0), rtol=0, atol=0.015)
    assert_close(cover, cover.flip(1), rtol=0, atol=0.015)


# -- against other implementations -----------------------------------------------------------------


def our_shares(n, size):
    images, labels = torch.zeros(n, 1, 1, 1).expand(n, 1, *size), torch.zeros(n).long()
    return cutmix(images, labels, *draws(n, seed=5)).labels.shares[:, 0].numpy()


def test_areas_are_those_of_the_paper_without_pixels():
    np = pytest.importorskip("numpy")
    random = np.random.default_rng(0)
    side = np.sqrt(1 - random.random((5000, 1)))
    center = random.random((5000, 2))
    edges = np.minimum(center + side / 2, 1) - np.maximum(center - side / 2, 0)
    same_distribution(our_shares(5000, (96, 160)), 1 - edges.prod(1))


def test_areas_are_those_of_torchvision():
    # A large image: torchvision cuts half a side down to whole pixels, so its boxes are small.
    transform = torchvision_v2().CutMix(alpha=1.0, num_classes=2)
    same_distribution(our_shares(1500, (96, 160)), torchvision_shares(transform, (512, 400), 500))


def test_areas_are_those_of_timm():
    theirs = timm_shares((96, 160), mixup_alpha=0.0, cutmix_alpha=1.0)
    same_distribution(our_shares(1500, (96, 160)), theirs)
