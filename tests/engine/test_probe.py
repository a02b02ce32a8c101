"""A linear head on features that are mixed."""

import pytest
import torch
from torch import nn

from dmmix.engine.probe import HeadTraining, accuracy, linear_layer, probe
from dmmix.functional import (
    DecoupledMixupLoss,
    MixupCrossEntropyLoss,
    decoupled_mixup_cross_entropy,
)
from dmmix.mixups import Mixup
from dmmix.models import DMLinearClsHead

pytestmark = pytest.mark.openmmlab


def head_of(classes=3, dims=6):
    torch.manual_seed(0)
    return DMLinearClsHead(num_classes=classes, in_channels=dims)


def blobs(n=90, dims=6, seed=0):
    """Three classes of features, in dimensions of very different sizes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    features = torch.randn(n, dims, generator=generator) + 3 * nn.functional.one_hot(labels, dims)
    return features * torch.tensor([1.0, 20, 0.5, 1, 1, 0]) + 7, labels


LOSSES = [
    (MixupCrossEntropyLoss(), None),
    (MixupCrossEntropyLoss(), Mixup(alpha=1.0)),
    (DecoupledMixupLoss(eta=0.1), Mixup(alpha=0.2)),
]


@pytest.mark.parametrize(("loss", "mix"), LOSSES)
def test_each_loss_learns_and_a_seed_says_all(loss, mix):
    heads = [head_of(), head_of()]
    for head in heads:
        HeadTraining(loss, mix, epochs=60).train(head, *blobs(), decay=0.1)
    assert accuracy(heads[0], *blobs(seed=1)) > 0.9
    assert torch.equal(heads[0].fc.weight, heads[1].fc.weight)


def test_the_mixed_loss_is_the_formulas():
    features, labels = blobs()
    head, generator = head_of(), torch.Generator()
    mix = Mixup(alpha=1.0)
    training = HeadTraining(DecoupledMixupLoss(eta=0.1), mix)
    got = training._loss(head, features, labels, generator.manual_seed(5))
    draws = mix.draw(90, (90, 6), generator.manual_seed(5))
    lam, index = draws.lam[:, None].float(), draws.index
    logits = head.fc(lam * features + (1 - lam) * features[index])
    one, two = nn.functional.one_hot(labels), nn.functional.one_hot(labels[index])
    soft = lam * one + (1 - lam) * two
    wanted = decoupled_mixup_cross_entropy(logits, soft, eta=0.1)
    torch.testing.assert_close(got, wanted)
    plain = HeadTraining(MixupCrossEntropyLoss())._loss(head, features, labels, generator)
    torch.testing.assert_close(plain, nn.functional.cross_entropy(head.fc(features), labels))
    mixed = HeadTraining(MixupCrossEntropyLoss(), mix)._loss(
        head, features, labels, generator.manual_seed(5)
    )
    torch.testing.assert_close(mixed, nn.functional.cross_entropy(logits, soft))


def test_sizes_of_features_change_nothing():
    """The last dimension says nothing, and stays out."""
    features, labels = blobs()
    heads = []
    for factor in (1.0, 100.0):
        heads.append(head_of())
        training = HeadTraining(MixupCrossEntropyLoss(), epochs=20)
        training.train(heads[-1], features * factor, labels, decay=1.0)
    one, other = (
        head((features * factor,)) for head, factor in zip(heads, (1.0, 100.0), strict=True)
    )
    torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


def test_the_best_decay_of_the_validation_data_is_taken():
    head = head_of()
    before = head.fc.weight.clone()
    training = HeadTraining(MixupCrossEntropyLoss(), epochs=30)
    found = probe(head, training, blobs(), blobs(seed=1), decays=(90.0, 0.1))
    assert list(found.tried) == [90.0, 0.1]
    assert found.accuracy == max(found.tried.values()) == found.tried[found.decay]
    assert found.accuracy == accuracy(found.head, *blobs(seed=1))
    assert torch.equal(head.fc.weight, before)  # a copy was trained


@pytest.mark.parametrize(
    "head", [nn.Identity(), nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)), nn.Linear(2, 2, False)]
)
def test_other_heads_are_refused(head):
    with pytest.raises(ValueError, match="a head of one linear layer"):
        linear_layer(head)
