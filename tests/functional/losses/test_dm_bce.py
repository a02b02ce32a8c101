"""DM(BCE) against slow loops and torch's own binary cross entropy."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from dmmix.functional import DecoupledMixupBCELoss, MixedLabels, decoupled_mixup_bce
from tests.laws.data import mixed_batch, noise, pairs

from . import reference
from .comparing import SHAPES, exactly


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("t", "xi"), [(0.0, 1.0), (1.0, 1.0), (1.0, 0.8), (0.5, 1.0), (2.0, 0.3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_the_reference(shape, t, xi, weighted):
    n, num_classes, _ = shape
    logits, labels = mixed_batch(*shape, seed=4)
    weight = torch.linspace(0.2, 3.0, num_classes, dtype=torch.float64) if weighted else None
    loss = decoupled_mixup_bce(
        logits, labels, t, xi, class_weight=weight, over_classes="sum", reduction="none"
    )
    rows = zip(logits.tolist(), labels.classes.tolist(), labels.shares.tolist(), strict=True)
    expected = [
        reference.binary_cross_entropy(
            z,
            reference.bce_target(c, s, num_classes, t, xi),
            None if weight is None else weight.tolist(),
        )
        for z, c, s in rows
    ]
    assert len(expected) == n
    assert_close(loss, torch.tensor(expected, dtype=torch.float64), atol=1e-11, rtol=1e-12)
    mean = decoupled_mixup_bce(logits, labels, t, xi, class_weight=weight, reduction="none")
    assert_close(mean * num_classes, loss, atol=1e-11, rtol=1e-12)


@pytest.mark.parametrize("t", [0.0, 1.0])
def test_with_t_of_0_is_two_hot_and_with_t_and_xi_of_1_plain_mixed_bce(t):
    logits, labels = mixed_batch(6, 8, 2, zeros=False)
    target = labels.dense(8) if t else (labels.dense(8) > 0).double()
    expected = F.binary_cross_entropy_with_logits(logits, target)
    exactly(decoupled_mixup_bce(logits, labels, t, xi=1.0), expected)


@pytest.mark.parametrize(
    "targets", [[0.3, 0.7], [0.5, 0.5], [0.3, 0.3, 0.3, 0.3], [1.0, 1.0, 1.0, 1.0]]
)
def test_of_a_row_with_every_class(targets):
    """Where every class is mixed in, what all of them have is no smoothing."""
    z = [0.5, -1.5, 0.0, 2.0][: len(targets)]
    logits, dense = (torch.tensor([row], dtype=torch.float64) for row in (z, targets))
    target = [reference.rescaled(value, 1.0, 0.8) for value in targets]
    expected = reference.binary_cross_entropy(z, target) / len(z)
    assert decoupled_mixup_bce(logits, dense).item() == pytest.approx(expected)
    if len(z) == 2:
        labels = pairs([0], [1], targets[:1])
        assert decoupled_mixup_bce(logits, labels).item() == pytest.approx(expected)


def test_keeps_smoothing():
    logits, labels = mixed_batch(6, 8, 2, repeats=False)
    smooth = MixedLabels(labels.classes, labels.shares, torch.full((6,), 0.1, dtype=torch.float64))
    target = torch.tensor(
        [
            reference.bce_target(c, s, 8, 1.0, 0.8)
            for c, s in zip(labels.classes.tolist(), labels.shares.tolist(), strict=True)
        ],
        dtype=torch.float64,
    )
    expected = F.binary_cross_entropy_with_logits(logits, 0.9 * target + 0.1 / 8)
    exactly(decoupled_mixup_bce(logits, smooth), expected)


def test_of_multi_label_targets():
    logits, _ = mixed_batch(3, 4, 1)
    targets = torch.tensor([[1.0, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], dtype=torch.float64)
    exactly(
        decoupled_mixup_bce(logits, targets),
        F.binary_cross_entropy_with_logits(logits, targets),
    )
    mixed = 0.4 * targets + 0.6 * targets.roll(1, 0)
    expected = torch.tensor([[reference.rescaled(v, 1.0, 0.8) for v in row] for row in mixed[:1]])
    exactly(
        decoupled_mixup_bce(logits[:1], mixed[:1]),
        F.binary_cross_entropy_with_logits(logits[:1], expected.double()),
    )


def test_a_target_is_never_above_1():
    """Both images of one class: the loss would fall without end as its logit grows."""
    logits, target = noise(6, 8), torch.tensor([6, 0, 3, 5, 2, 4])
    labels = pairs(target.tolist(), target.tolist(), [0.1, 0.5, 0.35, 0.8, 0.999, 0.45])
    one_hot = F.one_hot(target, 8).double()
    for given in (labels, labels.dense(8)):
        for t, xi in [(1.0, 0.8), (0.5, 1.0), (0.0, 1.0)]:
            loss = decoupled_mixup_bce(logits, given, t, xi)
            exactly(loss, F.binary_cross_entropy_with_logits(logits, one_hot))
    sure = torch.where(one_hot.bool(), 1e4, -1e4).double()
    assert decoupled_mixup_bce(sure, labels) == 0


@pytest.mark.openmmlab
def test_bce_is_a_mean_over_classes_and_mmpretrains_a_sum():
    """What docs/loss.md says: 1/C of mmpretrain's sigmoid loss; ``over_classes='sum'`` is that."""
    pytest.importorskip("mmpretrain")
    from dmmix.registry import MODELS

    stock = MODELS.build(dict(type="mmpretrain.CrossEntropyLoss", use_sigmoid=True, use_soft=False))
    logits, labels = mixed_batch(6, 7, 2)
    logits, soft = logits.float(), labels.dense(7).float()
    theirs = stock(logits, soft, avg_factor=len(logits))  # as a head calls it
    assert_close(DecoupledMixupBCELoss(t=1, xi=1, over_classes="sum")(logits, soft), theirs)
    assert_close(7 * DecoupledMixupBCELoss(t=1, xi=1)(logits, soft), theirs)
