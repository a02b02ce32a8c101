"""Registered losses: the functional forms with their settings."""

import pytest
import torch

from dmmix.functional import (
    MixedLabels,
    decoupled_mixup_bce,
    decoupled_mixup_cross_entropy,
    mixup_cross_entropy,
)
from dmmix.models import DecoupledMixupBCELoss, DecoupledMixupLoss, MixupCrossEntropyLoss
from dmmix.registry import MODELS

pytestmark = pytest.mark.openmmlab


@pytest.fixture
def batch():
    torch.manual_seed(0)
    logits = torch.randn(6, 5)
    share = torch.rand(6)
    classes = torch.tensor([[0, 1], [2, 2], [4, 3], [1, 0], [0, 4], [3, 1]])
    return logits, MixedLabels(classes, torch.stack([share, 1 - share], 1))


CASES = [
    (DecoupledMixupLoss(eta=0.5), lambda z, y: decoupled_mixup_cross_entropy(z, y, 0.5)),
    (
        DecoupledMixupLoss(eta=1, decouple="less", rescale=(0.5, 1.0), min_share=0.1),
        lambda z, y: decoupled_mixup_cross_entropy(
            z, y, 1, decouple="less", rescale=(0.5, 1.0), min_share=0.1
        ),
    ),
    (
        DecoupledMixupLoss(label_smoothing=0.1, class_weight=[1, 2, 3, 4, 5]),
        lambda z, y: decoupled_mixup_cross_entropy(
            z, y, 0.1, label_smoothing=0.1, class_weight=torch.arange(1.0, 6)
        ),
    ),
    (MixupCrossEntropyLoss(), mixup_cross_entropy),
    (DecoupledMixupBCELoss(t=0.5, xi=1), lambda z, y: decoupled_mixup_bce(z, y, 0.5, 1)),
    (
        DecoupledMixupBCELoss(over_classes="sum"),
        lambda z, y: decoupled_mixup_bce(z, y, over_classes="sum"),
    ),
]


@pytest.mark.parametrize(("loss", "function"), CASES)
def test_loss_equals_its_function(loss, function, batch):
    logits, labels = batch
    expected = function(logits, labels)
    assert torch.allclose(loss(logits, labels), expected)
    assert torch.allclose(loss(logits, labels.dense(5)), expected)
    assert torch.allclose(sum(loss.parts(logits, labels).values()), expected)


@pytest.mark.parametrize(("loss", "function"), CASES)
def test_integer_labels(loss, function, batch):
    logits, _ = batch
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    assert torch.allclose(loss(logits, labels), function(logits, labels))


def test_plain_labels_give_cross_entropy(batch):
    logits, _ = batch
    labels = torch.tensor([0, 1, 2, 3, 4, 0])
    loss = DecoupledMixupLoss(eta=1.0)(logits, labels)
    assert torch.allclose(loss, torch.nn.functional.cross_entropy(logits, labels))


def test_mmpretrain_calling_convention(batch):
    logits, labels = batch
    loss = DecoupledMixupLoss(loss_weight=2.0)
    rows = loss(logits, labels, reduction_override="none")
    assert rows.shape == (6,)
    weight = torch.rand(6)
    weighted = loss(logits, labels, weight=weight, avg_factor=3)
    assert torch.allclose(weighted, (rows * weight).sum() / 3)
    assert torch.allclose(loss(logits, labels, reduction_override="sum", avg_factor=6), rows.sum())


def test_parts_are_named_apart(batch):
    assert set(DecoupledMixupLoss(eta=0.1).parts(*batch)) == {"loss_mixup", "loss_decoupled"}
    assert set(MixupCrossEntropyLoss().parts(*batch)) == {"loss_mixup"}
    assert set(DecoupledMixupBCELoss().parts(*batch)) == {"loss_bce"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (dict(type="DecoupledMixupLoss", eta=-0.1), "eta must be 0 or more, got -0.1"),
        (dict(type="DecoupledMixupLoss", decouple="both"), "decouple must be .*'both'"),
        (dict(type="DecoupledMixupLoss", rescale=(0.5, 0.0)), "xi must be in \\(0, 1\\], got 0"),
        (dict(type="DecoupledMixupLoss", min_share=0.5), "min_share must be in \\[0, 0.5\\)"),
        (dict(type="DecoupledMixupLoss", label_smoothing=1.0), "label_smoothing must be"),
        (dict(type="DecoupledMixupLoss", reduction="avg"), "reduction must be .*'avg'"),
        (dict(type="MixupCrossEntropyLoss", k=0), "k must be at least 1, got 0"),
        (dict(type="DecoupledMixupBCELoss", t=-1), "t must be 0 or more, got -1"),
        (dict(type="DecoupledMixupBCELoss", over_classes="max"), "over_classes must be"),
    ],
)
def test_bad_settings_are_reported_when_built(config, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(config)


@pytest.mark.parametrize("eta", ["abc", None, True])
def test_eta_must_be_a_number(eta):
    with pytest.raises(TypeError, match=f"eta must be a number, got {eta!r}"):
        DecoupledMixupLoss(eta=eta)


def test_class_weight_moves_with_the_module_and_stays_out_of_checkpoints():
    loss = DecoupledMixupLoss(class_weight=[1.0, 2.0]).double()
    assert loss.class_weight.dtype == torch.float64
    assert "class_weight" not in loss.state_dict()
