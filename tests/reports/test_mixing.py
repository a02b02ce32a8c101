"""Mixes and their labels: what was wrong in the trackers of others.

What was wrong in the implementations that ours follows has its tests in
tests/functional/losses, tests/mixups and tests/testing/test_provenance.py.
"""

import pytest
import torch

from dmmix.mixups import CutMix, FMix, GridMix, Mixup, ResizeMix, SmoothMix
from dmmix.testing import assert_labels_match_pixels

MIXES = [Mixup, CutMix, ResizeMix, FMix, GridMix, SmoothMix]


def drawn(mix, images, seed=0):
    return mix.draw(len(images), images.shape[-2:], torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", MIXES)
@pytest.mark.parametrize("count", [1, 7])
def test_a_batch_of_an_odd_number(kind, count):
    """huggingface/pytorch-image-models#1304, BR-IDL/PaddleViT#134, KaiyangZhou/Dassl.pytorch#33:
    a last batch of an odd number ended the training."""
    images, labels = kind(alpha=1.0)(torch.rand(count, 3, 16, 16), torch.arange(count))
    assert images.shape == (count, 3, 16, 16)
    torch.testing.assert_close(labels.shares.sum(1), torch.ones(count))


def test_boxes_are_placed_one_by_one():
    """kornia/kornia#4712: one uniform number placed the boxes of the whole batch."""
    *_, centers = drawn(CutMix(alpha=1.0), torch.rand(64, 1, 8, 8))
    assert len(centers.unique(dim=0)) == 64


def test_lam_is_drawn_one_by_one():
    """TorchSSL/TorchSSL#69: one lam mixed the whole batch."""
    lam, *_ = drawn(Mixup(alpha=1.0), torch.rand(64, 1, 8, 8))
    assert len(lam.unique()) == 64


@pytest.mark.parametrize("kind", MIXES)
def test_images_and_labels_have_the_same_partners(kind):
    """xudonmao/VMT#1: images and labels were shuffled one after the other. And
    huggingface/pytorch-image-models#8: height and width were swapped, and lam not corrected where
    the box is cut off; so here on images that are no squares."""
    mix = kind(alpha=1.0)

    def mixed(images, labels):
        return mix.mix(images, labels, torch.Generator().manual_seed(3))

    assert_labels_match_pixels(mixed, size=(12, 20))


@pytest.mark.parametrize("kind", MIXES)
def test_what_went_in_stays(kind):
    """Megvii-BaseDetection/YOLOX#275: labels were changed in place, and wrong from the second
    epoch on."""
    images, labels = torch.rand(6, 3, 16, 16), torch.arange(6)
    before = images.clone(), labels.clone()
    kind(alpha=1.0)(images, labels)
    torch.testing.assert_close((images, labels), before, rtol=0, atol=0)
