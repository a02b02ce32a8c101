"""Heads that take labels as one object for the batch."""

import pytest
import torch
from mmpretrain.structures import DataSample

from dmmix.functional import MixedLabels, decoupled_mixup_cross_entropy
from dmmix.registry import MODELS

pytestmark = pytest.mark.openmmlab

HEADS = [
    dict(type="dmmix.DMLinearClsHead", in_channels=8),
    dict(type="dmmix.DMStackedLinearClsHead", in_channels=8, mid_channels=[6]),
    dict(type="dmmix.DMVisionTransformerClsHead", in_channels=8),
    dict(type="dmmix.DMVisionTransformerClsHead", in_channels=8, hidden_dim=6),
]


def build(config, **options):
    torch.manual_seed(0)
    return MODELS.build({"num_classes": 5, **config, **options})


@pytest.fixture
def feats():
    return (torch.randn(6, 8, generator=torch.Generator().manual_seed(1)),)


@pytest.fixture
def labels():
    share = torch.tensor([0.1, 0.5, 0.9, 1.0, 0.3, 0.7])
    classes = torch.tensor([[0, 1], [2, 2], [4, 3], [1, 0], [0, 4], [3, 1]])
    return MixedLabels(classes, torch.stack([share, 1 - share], 1))


@pytest.mark.parametrize("config", HEADS)
def test_loss_is_that_of_the_logits(config, feats, labels):
    head = build(config, loss=dict(type="dmmix.DecoupledMixupLoss", eta=0.3))
    losses = head.loss(feats, labels)
    total = losses["loss_mixup"] + losses["loss_decoupled"]
    assert torch.allclose(total, decoupled_mixup_cross_entropy(head(feats), labels, 0.3))
    dense = head.loss(feats, labels.dense(5))
    assert torch.allclose(total, dense["loss_mixup"] + dense["loss_decoupled"])
    assert 0 <= losses["mixed_top2"] <= losses["mixed_top1"] <= 100
    samples = [DataSample().set_gt_score(row) for row in labels.dense(5)]
    assert torch.allclose(head.loss(feats, samples)["loss"], total)
    assert len(head.predict(feats)) == 6
    two = (feats[0][:2],)  # a batch of two is a batch
    assert torch.isfinite(head.loss(two, labels[:2])["loss_mixup"])
    head.cal_mixed_acc = False
    assert set(head.loss(feats, labels)) == {"loss_mixup", "loss_decoupled"}


def test_a_multi_label_head(feats):
    loss = dict(type="dmmix.DecoupledMixupBCELoss", over_classes="sum")
    head = build(dict(type="dmmix.DMMultiLabelLinearClsHead", in_channels=8), loss=loss)
    targets = torch.tensor([[1.0, 1, 0, 0, 1], [0, 0, 0, 0, 0]] * 3)
    losses = head.loss(feats, targets)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(head(feats), targets) * 5
    assert set(losses) == {"loss_bce"}
    assert torch.allclose(losses["loss_bce"], expected)
    samples = [DataSample().set_gt_score(row) for row in targets]
    assert torch.allclose(head.loss(feats, samples)["loss"], expected)
    for score, sample in zip(head(feats).sigmoid(), head.predict(feats, samples), strict=True):
        assert torch.equal(sample.pred_score, score)
        assert torch.equal(sample.pred_label, (score >= 0.5).nonzero()[:, 0])


def test_stock_losses_get_what_they_know(feats, labels):
    soft = build(HEADS[0], loss=dict(type="CrossEntropyLoss", use_soft=True))
    expected = torch.nn.functional.cross_entropy(soft(feats), labels.dense(5))
    assert torch.allclose(soft.loss(feats, labels)["loss"], expected)
    hard = build(HEADS[0], loss=dict(type="CrossEntropyLoss"))
    plain = torch.tensor([0, 1, 2, 3, 4, 0])
    expected = torch.nn.functional.cross_entropy(hard(feats), plain)
    assert torch.allclose(hard.loss(feats, plain)["loss"], expected)
    assert torch.allclose(hard.loss(feats, MixedLabels.from_labels(plain))["loss"], expected)
    smooth = MixedLabels(plain[:, None], torch.ones(6, 1), torch.full((6,), 0.1))
    expected = torch.nn.functional.cross_entropy(soft(feats), plain, label_smoothing=0.1)
    assert torch.allclose(soft.loss(feats, smooth)["loss"], expected)


def test_mixed_accuracy_counts_both_classes(labels):
    head = build(HEADS[0], loss=dict(type="dmmix.MixupCrossEntropyLoss"))
    logits = labels.dense(5) * 10  # knows every class and its share
    losses = head._get_loss(logits, labels)
    assert losses["mixed_top1"] == 100
    assert losses["mixed_top2"] == 100
    # The second class only: top-1 is in {a, b} all the same.
    second = torch.nn.functional.one_hot(labels.classes[:, 1], 5).float()
    at = labels.shares[:, 1] > 0
    losses = head._get_loss(second[at], labels[at])
    assert losses["mixed_top1"] == 100


def test_the_mixed_accuracy_of_three_classes_was_that_of_two():
    head = build(HEADS[0], loss=dict(type="dmmix.DecoupledMixupLoss", k=3))
    rows = torch.tensor([[0.4, 0.3, 0.3, 0, 0], [0.5, 0, 0, 0.25, 0.25]])
    logits = torch.tensor([[3.0, 2, 1, 0, 0], [3.0, 2, 0, 1, 0]])  # all three, and two of three
    head.forward = lambda feats: logits
    losses = head.loss((), rows)
    assert losses["mixed_top1"] == 100
    assert losses["mixed_top2"] == 50
    one_off = torch.tensor([[1.0, 2, 3, 0, 0]] * 2)  # of the second the third class is none
    head.forward = lambda feats: one_off
    assert head.loss((), rows)["mixed_top1"] == 50  # the third class counts


@pytest.mark.parametrize(
    "loss", [dict(type="dmmix.DecoupledMixupBCELoss"),
             dict(type="CrossEntropyLoss", use_sigmoid=True)],
)  # fmt: skip
def test_a_mixed_accuracy_of_multi_label_targets_was_logged(feats, labels, loss):
    head = build(HEADS[0], loss=loss)
    targets = torch.tensor([[1.0, 1, 0, 0, 1]] * 6)
    assert not [name for name in head.loss(feats, targets) if "mixed_top" in name]
    assert {"mixed_top1", "mixed_top2"} <= set(head.loss(feats, labels))
