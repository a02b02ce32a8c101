"""Attentive CutMix: whom it asks, how much it pastes."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dmmix.functional import Guide
from dmmix.mixups import AttentiveMix, RandomMix
from tests.laws.data import batch, generator
from tests.laws.small_model import SmallModel


class Brightness(nn.Module):
    """A network whose last feature map is large, in either sign, where the image is not black."""

    def __init__(self):
        super().__init__()
        self.block = nn.Conv2d(3, 2, 2, stride=2, bias=False)
        self.fc = nn.Linear(2, 5)
        nn.init.constant_(self.block.weight, -1.0)

    def forward(self, images):
        return self.fc(self.block(images).mean((2, 3)))


def test_six_cells_of_the_partner_where_the_network_looks():
    images = torch.zeros(6, 3, 14, 14)
    for i in range(6):  # image i is bright in the six cells from 7 i on
        cells = torch.zeros(49)
        cells[7 * i : 7 * i + 6] = i + 1
        images[i] = cells.view(7, 7).repeat_interleave(2, 0).repeat_interleave(2, 1)
    guide = Guide(Brightness(), features="block")
    mix = AttentiveMix(fixed_points=False)
    mixed = mix.mix(images, torch.arange(6), generator(), guide)
    assert_close(mixed.labels.shares[:, 1], torch.full((6,), 6 / 49))
    for i, j in enumerate(mixed.labels.classes[:, 1].tolist()):
        assert j != i
        assert torch.equal(mixed.images[i], images[i] + images[j])
        assert torch.equal(~mixed.mask[i, 0], images[j, 0] > 0)


@pytest.mark.parametrize("top_k", [0, 4, 9])
def test_without_alpha_each_image_gets_as_many_cells(top_k):
    """The documented share was not what ran."""
    images, labels = batch(size=(9, 12))
    mix = AttentiveMix(top_k=top_k, grid=3)
    mixed = mix.mix(images, labels, generator(), SmallModel().guide())
    assert_close(mixed.labels.shares[:, 1], torch.full((4,), top_k / 9))
    if top_k in (0, 9):
        assert torch.equal(mixed.images, images[mixed.index] if top_k else images)


def test_another_network_may_be_asked():
    other = SmallModel()
    nn.init.normal_(other.stem.weight)
    mix = AttentiveMix(guide=other.guide())
    assert not RandomMix([mix]).needs
    images, labels = batch(8, size=(14, 21))
    mixed = mix.mix(images, labels, generator())
    asked = [
        AttentiveMix().mix(images, labels, generator(), model.guide()).images
        for model in (other, SmallModel())
    ]
    assert torch.equal(mixed.images, asked[0])
    assert not torch.equal(mixed.images, asked[1])
    # Then it also is a batch augment of mmpretrain.
    inputs, scores = mix(images, torch.eye(8))
    assert inputs.shape == images.shape
    assert_close(scores.sum(1), torch.ones(8))
