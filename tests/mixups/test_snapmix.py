"""SnapMix: the weights of its samples, in the mix and in training."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.mixups import SnapMix
from tests.laws.data import batch, generator
from tests.laws.mixes import watch
from tests.laws.small_model import SmallModel


def mixed_by(mix, seed=0):
    images, labels = batch(8, 3, (14, 21))
    return mix.mix(images, labels, generator(seed), SmallModel().guide())


def test_weights_are_each_samples_own_also_with_one_pair_of_boxes_a_batch():
    mixed = mixed_by(SnapMix(per_batch=True))
    assert mixed.mask.float().unique(dim=0).shape[0] == 1
    assert mixed.weights.unique().numel() > 4


@pytest.mark.openmmlab
def test_training_weighs_the_samples():
    from dmmix.functional import mixup_cross_entropy
    from tests.models.test_mixup_classifier import build, tensor_batch

    loss = dict(type="dmmix.DecoupledMixupLoss", eta=0.0)
    head = dict(type="dmmix.DMLinearClsHead", num_classes=5, in_channels=16, loss=loss)
    model = build(mixup=dict(type="SnapMix"), head=head).eval()
    data = model.data_preprocessor(tensor_batch(), training=True)
    made = watch(model.mixup)
    total, _ = model.parse_losses(model(**data, mode="loss"))
    (mixed,) = made
    logits = model(mixed.images)
    expected = mixup_cross_entropy(logits, mixed.labels, sample_weight=mixed.weights)
    assert_close(total, expected)
    assert not torch.isclose(total, mixup_cross_entropy(logits, mixed.labels))
