"""Mixup cross entropy and label smoothing, against torch's own cross entropy."""

import pytest
import torch
import torch.nn.functional as F

from dmmix.functional import MixedLabels, decoupled_mixup_cross_entropy, mixup_cross_entropy
from tests.laws.data import mixed_batch

from .comparing import exactly


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_mixup_cross_entropy_equals_torch_with_soft_labels(k, smoothing, weighted, backend):
    logits, labels = mixed_batch(9, 10, k)
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
    logits, labels = mixed_batch(9, 10, 2, repeats=False)
    weight = torch.linspace(0.2, 3.0, 10, dtype=torch.float64) if weighted else None
    smooth = MixedLabels(labels.classes, labels.shares, torch.full((9,), 0.1, dtype=torch.float64))
    options = dict(class_weight=weight, reduction="none", backend=backend)
    by_loss = decoupled_mixup_cross_entropy(logits, labels, label_smoothing=0.1, **options)
    exactly(decoupled_mixup_cross_entropy(logits, smooth, **options), by_loss)


def test_smoothing_twice_equals_torch_smoothing_smoothed_labels(backend):
    logits, labels = mixed_batch(9, 10, 2)
    smooth = MixedLabels(labels.classes, labels.shares, torch.full((9,), 0.1, dtype=torch.float64))
    loss = mixup_cross_entropy(logits, smooth, label_smoothing=0.2, backend=backend)
    exactly(loss, F.cross_entropy(logits, smooth.dense(10), label_smoothing=0.2))


def test_an_even_label_is_the_mean_of_minus_log_p(backend):
    logits, _ = mixed_batch(3, 10, 1)
    loss = decoupled_mixup_cross_entropy(
        logits,
        torch.full((3, 10), 0.1, dtype=torch.float64),
        1.0,
        reduction="none",
        backend=backend,
    )
    exactly(loss, -logits.log_softmax(1).mean(1))
