"""Reductions, weights and label smoothing, against torch's own cross entropy."""

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from dmmix.functional import (
    MixedLabels,
    decoupled_mixup_bce,
    decoupled_mixup_cross_entropy,
    mixup_cross_entropy,
)

from .batches import exactly, random_batch


@pytest.mark.parametrize("function", [decoupled_mixup_cross_entropy, decoupled_mixup_bce])
def test_reductions(function):
    logits, labels = random_batch(7, 5, 2)
    each = function(logits, labels, reduction="none")
    assert each.shape == (7,)
    exactly(function(logits, labels), each.mean())
    exactly(function(logits, labels, reduction="sum"), each.sum())
    exactly(function(logits, labels, avg_factor=3), each.sum() / 3)
    weight = torch.linspace(0, 2, 7, dtype=torch.float64)
    exactly(function(logits, labels, sample_weight=weight), (each * weight).sum() / 7)
    exactly(function(logits, labels, sample_weight=weight, reduction="none"), each * weight)
    factor = torch.tensor(2.5, dtype=torch.float64)
    exactly(
        function(logits, labels, sample_weight=weight, avg_factor=factor),
        (each * weight).sum() / 2.5,
    )


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_mixup_cross_entropy_equals_torch_with_soft_labels(k, smoothing, weighted, backend):
    logits, labels = random_batch(9, 10, k)
    weight = torch.linspace(0.2, 3.0, 10, dtype=torch.float64) if weighted else None
    loss = mixup_cross_entropy(
        logits, labels, label_smoothing=smoothing, class_weight=weight, backend=backend
    )
    exactly(
        loss,
        F.cross_entropy(logits, labels.dense(10), weight=weight, label_smoothing=smoothing),
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_smoothing_in_the_labels_is_smoothing_by_the_loss(weighted, backend):
    logits, labels = random_batch(9, 10, 2, repeats=False)
    weight = torch.linspace(0.2, 3.0, 10, dtype=torch.float64) if weighted else None
    smooth = MixedLabels(labels.classes, labels.shares, torch.full((9,), 0.1, dtype=torch.float64))
    options = dict(class_weight=weight, reduction="none", backend=backend)
    by_loss = decoupled_mixup_cross_entropy(logits, labels, label_smoothing=0.1, **options)
    exactly(decoupled_mixup_cross_entropy(logits, smooth, **options), by_loss)
    assert_close(
        decoupled_mixup_cross_entropy(logits, smooth.dense(10), **options),
        by_loss,
        atol=1e-10,
        rtol=1e-10,
    )


def test_smoothing_twice_equals_torch_smoothing_smoothed_labels(backend):
    logits, labels = random_batch(9, 10, 2)
    smooth = MixedLabels(labels.classes, labels.shares, torch.full((9,), 0.1, dtype=torch.float64))
    loss = mixup_cross_entropy(logits, smooth, label_smoothing=0.2, backend=backend)
    exactly(loss, F.cross_entropy(logits, smooth.dense(10), label_smoothing=0.2))


def test_an_even_label_is_the_mean_of_minus_log_p(backend):
    logits, _ = random_batch(3, 10, 1)
    loss = decoupled_mixup_cross_entropy(
        logits,
        torch.full((3, 10), 0.1, dtype=torch.float64),
        1.0,
        reduction="none",
        backend=backend,
    )
    exactly(loss, -logits.log_softmax(1).mean(1))


def test_an_empty_batch(backend):
    logits = torch.zeros(0, 5, requires_grad=True)
    labels = torch.zeros(0, dtype=torch.long)
    loss = decoupled_mixup_cross_entropy(logits, labels, reduction="sum", backend=backend)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.shape == (0, 5)
