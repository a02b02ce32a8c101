"""Mixup: against the loop from the paper and other implementations, with images of any axes."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import draw_lam, mixup
from dmmix.functional.mixing import unmixed
from tests.laws.data import generator

from .others import same_distribution, timm_shares, torchvision_shares, torchvision_v2


def loop(images, lam, index):
    """lambda x_i + (1 - lambda) x_j, one sample after the other."""
    mixed = torch.empty_like(images)
    for i, (share, j) in enumerate(zip(lam.tolist(), index.tolist(), strict=True)):
        mixed[i] = share * images[i] + (1 - share) * images[j]
    return mixed


@pytest.mark.parametrize("shape", [(5,), (3, 16), (3, 4, 4), (2, 3, 8, 8), (2, 3, 2, 4, 4)])
def test_it_is_the_loop_from_the_paper_with_any_axes_after_the_first(shape):
    """It is a weighted mean: features, series and video were refused for no reason."""
    images = torch.randn(4, *shape, dtype=torch.float64)
    lam = torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=torch.float64)
    index = torch.tensor([1, 2, 3, 0])
    mixed = mixup(images, torch.arange(4), lam, index)
    assert_close(mixed.images, loop(images, lam, index))
    assert mixed.mask.shape == (4, *[1] * len(shape))
    assert_close(mixed.labels.shares[:, 0], lam)
    plain = unmixed(images, torch.arange(4))
    chosen = type(mixed).where(torch.tensor([True, False, True, False]), mixed, plain)
    assert torch.equal(chosen.images[1::2], images[1::2])
    assert torch.equal(chosen.images[::2], mixed.images[::2])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision_the_share_is_the_one_that_the_pixels_have(dtype):
    lam = draw_lam(64, 1.0, generator())
    index = (torch.arange(64) + 1) % 64
    images = torch.zeros(64, 1, 2, 2, dtype=dtype)
    images[::2] = 1
    mixed = mixup(images, torch.arange(64), lam, index)
    white = mixed.images[::2].float().mean((1, 2, 3))
    assert torch.equal(mixed.labels.shares[::2, 0], white)
    assert not torch.equal(mixed.labels.shares[::2, 0], lam[::2].float())


def test_it_needs_rows():
    with pytest.raises(ValueError, match=r"images must be \(N, ...\), one row a sample"):
        mixup(torch.randn(4), torch.arange(4), torch.ones(4), torch.arange(4))


def test_shares_are_those_of_torchvision():
    theirs = torchvision_shares(torchvision_v2().MixUp(alpha=0.4, num_classes=2), (1, 1))
    same_distribution(draw_lam(1500, 0.4, generator(6)).numpy(), theirs)


def test_shares_are_those_of_timm():
    theirs = timm_shares((1, 1), mixup_alpha=0.4, cutmix_alpha=0.0)
    same_distribution(draw_lam(1500, 0.4, generator(7)).numpy(), theirs)
