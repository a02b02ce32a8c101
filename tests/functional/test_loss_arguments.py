"""Errors of the losses name the argument, its value and what is allowed."""

import math

import pytest
import torch

from dmmix.functional import (
    decoupled_mixup_bce,
    decoupled_mixup_cross_entropy,
)

from .batches import pairs

Z = torch.zeros(2, 4)
Y = torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(Z[0], Y), r"logits must be floating point \(N, C\), got .*\(4,\)"),
        (lambda f: f(Z.long(), Y), "logits must be floating point .*torch.int64"),
        (lambda f: f(Z, torch.tensor([0, 4])), r"classes must be in \[0, 4\).*got 4"),
        (lambda f: f(Z, torch.tensor([0, -1])), "classes must be .*got -1"),
        (lambda f: f(Z, Y[:1]), "2 rows of logits, but 1 labels"),
        (lambda f: f(Z, torch.eye(3)[:2]), r"soft labels must be \(N, C\) = \(2, 4\).*\(2, 3\)"),
        (lambda f: f(Z, Y, class_weight=torch.ones(3)), r"class_weight must be \(4,\), got \(3,\)"),
        (lambda f: f(Z, Y, sample_weight=Z), r"sample_weight must be \(2,\), got \(2, 4\)"),
        (lambda f: f(Z, Y, reduction="avg"), "reduction must be .*got 'avg'"),
        (lambda f: f(Z, Y, reduction="sum", avg_factor=2), "avg_factor goes with .*got .*'sum'"),
        (lambda f: f(Z, Y, reduction="none", avg_factor=2), "avg_factor goes with .*got .*'none'"),
    ],
)
@pytest.mark.parametrize("function", [decoupled_mixup_cross_entropy, decoupled_mixup_bce])
def test_errors_name_the_argument_and_what_is_allowed(function, call, message):
    with pytest.raises(ValueError, match=message):
        call(function)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"eta": -0.1}, r"eta must be 0 or more, got -0\.1"),
        ({"eta": math.nan}, "eta must be 0 or more, got nan"),
        ({"eta": torch.ones(3)}, r"eta must be a number or \(2,\), got \(3,\)"),
        ({"decouple": "both"}, "decouple must be 'all', 'more', 'less' .*got 'both'"),
        ({"decouple": torch.ones(2, 1, dtype=torch.bool)}, "mask names slots of MixedLabels"),
        ({"rescale": (-1.0, 1.0)}, r"t must be 0 or more, got -1\.0"),
        ({"rescale": (1.0, 2.0)}, r"xi must be in \(0, 1\], got 2\.0"),
        ({"min_share": 0.5}, r"min_share must be in \[0, 0\.5\), got 0\.5"),
        ({"label_smoothing": 1.0}, r"label_smoothing must be in \[0, 1\), got 1\.0"),
        ({"backend": "fast"}, "backend must be 'auto', 'eager' or 'single_pass', got 'fast'"),
    ],
)
def test_errors_of_dm_ce(options, message):
    with pytest.raises(ValueError, match=message):
        decoupled_mixup_cross_entropy(Z, Y, **options)


def test_a_mask_needs_labels_with_slots():
    """The classes of soft labels come in the order of their shares, not as (a, b)."""
    labels = pairs([0, 1], [2, 3], [0.2, 0.7], dtype=torch.float32)
    mask = torch.tensor([[True, False], [True, False]])
    assert decoupled_mixup_cross_entropy(Z, labels, decouple=mask).isfinite()
    for wrong, message in [
        (mask.float(), "decouple must be a bool mask .*float32"),
        (mask[:, :1], r"bool mask \(2, 2\) like the classes, got torch.bool \(2, 1\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            decoupled_mixup_cross_entropy(Z, labels, decouple=wrong)
    with pytest.raises(ValueError, match="mask names slots of MixedLabels"):
        decoupled_mixup_cross_entropy(Z, labels.dense(4), decouple=mask)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (Y, {"t": -1.0}, r"t must be 0 or more, got -1\.0"),
        (Y, {"xi": 0.0}, r"xi must be in \(0, 1\], got 0\.0"),
        (Y, {"over_classes": "max"}, "over_classes must be 'sum' or 'mean', got 'max'"),
        (torch.full((2, 4), 2.0), {}, r"soft labels must be in \[0, 1\], got 2"),
    ],
)
def test_errors_of_dm_bce(labels, options, message):
    with pytest.raises(ValueError, match=message):
        decoupled_mixup_bce(Z, labels, **options)
