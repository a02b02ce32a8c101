"""DM(BCE) against slow loops and torch's own binary cross entropy."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from dmmix.functional import (
    MixedLabels,
    decoupled_mixup_bce,
)

from . import reference
from .batches import SHAPES, exactly, pairs, random_batch


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("t", "xi"), [(0.0, 1.0), (1.0, 1.0), (1.0, 0.8), (0.5, 1.0), (2.0, 0.3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_dm_bce_equals_the_reference(shape, t, xi, weighted):
    n, num_classes, _ = shape
    logits, labels = random_batch(*shape, seed=4)
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


def test_dm_bce_with_t_of_0_is_two_hot():
    logits, labels = random_batch(6, 8, 2, zeros=False)
    two_hot = (labels.dense(8) > 0).double()
    exactly(
        decoupled_mixup_bce(logits, labels, t=0.0),
        F.binary_cross_entropy_with_logits(logits, two_hot),
    )


def test_dm_bce_with_t_and_xi_of_1_is_plain_mixed_bce():
    logits, labels = random_batch(6, 8, 3)
    exactly(
        decoupled_mixup_bce(logits, labels, t=1.0, xi=1.0),
        F.binary_cross_entropy_with_logits(logits, labels.dense(8)),
    )


@pytest.mark.parametrize(("t", "xi"), [(0.0, 1.0), (1.0, 0.8), (0.5, 1.0)])
def test_dm_bce_of_soft_labels_is_that_of_the_mixture(t, xi):
    logits, labels = random_batch(6, 8, 2, repeats=False)
    assert_close(
        decoupled_mixup_bce(logits, labels.dense(8), t, xi),
        decoupled_mixup_bce(logits, labels, t, xi),
        atol=1e-10,
        rtol=1e-10,
    )


@pytest.mark.parametrize("lam", [0.3, 0.5])
def test_dm_bce_of_two_classes_both_mixed_in(lam):
    """Where every class is mixed in, what all of them have is no smoothing."""
    logits = torch.tensor([[0.5, -1.5]], dtype=torch.float64)
    target = [reference.rescaled(lam, 1.0, 0.8), reference.rescaled(1 - lam, 1.0, 0.8)]
    expected = reference.binary_cross_entropy(logits[0].tolist(), target) / 2
    labels = pairs([0], [1], [lam])
    for given in (labels, labels.dense(2)):
        assert decoupled_mixup_bce(logits, given).item() == pytest.approx(expected)


@pytest.mark.parametrize("value", [0.3, 1.0])
def test_dm_bce_of_a_row_with_every_class(value):
    logits = torch.tensor([[0.5, -1.5, 0.0, 2.0]], dtype=torch.float64)
    targets = torch.full((1, 4), value, dtype=torch.float64)
    target = [reference.rescaled(value, 1.0, 0.8)] * 4
    expected = reference.binary_cross_entropy(logits[0].tolist(), target) / 4
    assert decoupled_mixup_bce(logits, targets).item() == pytest.approx(expected)


def test_dm_bce_keeps_smoothing():
    logits, labels = random_batch(6, 8, 2, repeats=False)
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
    assert_close(decoupled_mixup_bce(logits, smooth.dense(8)), expected, atol=1e-10, rtol=1e-10)


def test_dm_bce_of_multi_label_targets():
    logits, _ = random_batch(3, 4, 1)
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


def test_dm_bce_in_low_precision():
    logits, labels = random_batch(8, 20, 2)
    low = logits.bfloat16().requires_grad_()
    loss = decoupled_mixup_bce(low, labels.to(torch.float32))
    assert loss.dtype == torch.float32
    expected = decoupled_mixup_bce(low.detach().double(), labels)
    assert_close(loss.double(), expected, atol=1e-6, rtol=1e-6)
    loss.backward()
    assert low.grad.dtype == torch.bfloat16
