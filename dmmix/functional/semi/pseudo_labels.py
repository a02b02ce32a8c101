"""What a network thinks of an unlabelled image, as a label."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from dmmix.functional.tensors.checks import check_positive, check_rows
from dmmix.functional.tensors.dtypes import at_least_float32

__all__ = ["PseudoLabels", "hard_pseudo_labels", "one_hot", "probabilities", "sharpen"]


class PseudoLabels(NamedTuple):
    """``classes`` (N,) integers and ``confidence`` (N,), their probabilities; no gradient."""

    classes: Tensor
    confidence: Tensor


def probabilities(logits: Tensor) -> Tensor:
    """Softmax of (N, C) logits, in float32 at least."""
    check_rows("logits", logits)
    return at_least_float32(logits).softmax(dim=1)


def hard_pseudo_labels(logits: Tensor) -> PseudoLabels:
    r"""The most probable class, :math:`\arg\max_c p_c`, and its probability :math:`\max_c p_c`.

    Args:
        logits: (N, C); probabilities are worked out in float32 at least.

    Raises:
        ValueError: not floating point (N, C).

    Source: Pseudo-Label, ICML 2013 workshop; FixMatch (arXiv 2001.07685).
    """
    confidence, classes = probabilities(logits.detach()).max(dim=1)
    return PseudoLabels(classes, confidence)


def one_hot(labels: Tensor, like: Tensor) -> Tensor:
    """(N,) integers as rows like those of ``like``, (M, C); nothing looks at their values."""
    rows = like.new_zeros(len(labels), like.shape[1])
    return rows.scatter_(1, labels[:, None], 1.0)


def sharpen(probs: Tensor, temperature: float) -> Tensor:
    r"""Distributions with less entropy: :math:`p_c^{1/T} / \sum_k p_k^{1/T}`.

    Args:
        probs: (N, C), rows sum to 1.
        temperature: :math:`T`, above 0; 1 changes nothing, towards 0 the rows become one-hot.

    Raises:
        ValueError: not floating point (N, C); ``temperature`` out of range.

    Source: MixMatch (arXiv 1905.02249), equation 7.
    """
    check_rows("probs", probs)
    check_positive("temperature", temperature)
    # By logarithms: p^(1/T) of all classes underflows to 0 / 0 for a small T. A probability of 0
    # stays one, as exp(-inf); its logarithm is not taken, which would have the gradient 0 / 0.
    probs = at_least_float32(probs)
    none = probs == 0
    logs = probs.masked_fill(none, 1).log().masked_fill(none, -math.inf)
    return (logs / temperature).softmax(dim=1)
