"""What a network thinks of an unlabelled image, as a label; and how sure it has to be."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from dmmix.functional.tensors.checks import check_positive, check_rows, check_unit
from dmmix.functional.tensors.dtypes import at_least_float32

#: A class that was never predicted.
_TINY = 1e-6


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


def align_distribution(probs: Tensor, running: Tensor, target: Tensor) -> Tensor:
    r"""Distribution alignment: :math:`\tilde p_c \propto p_c \, t_c / r_c`.

    Args:
        probs: (N, C) predictions.
        running: (C,) :math:`r`, the mean of recent predictions.
        target: (C,) :math:`t`, the distribution that they should have.

    Returns:
        (N, C), rows sum to 1. A row that has only classes of which the target has none becomes the
        target.

    Raises:
        ValueError: a wrong shape.

    Source: ReMixMatch (arXiv 1911.09785), section 3.1.
    """
    check_rows("probs", probs)
    for name, values in (("running", running), ("target", target)):
        if values.shape != probs.shape[1:]:
            raise ValueError(f"{name} must be ({probs.shape[1]},), got {tuple(values.shape)}")
    probs = at_least_float32(probs)
    target = target.to(probs.dtype)
    aligned = probs * (target / running.to(probs.dtype).clamp_min(_TINY))
    total = aligned.sum(dim=1, keepdim=True)
    smallest = torch.finfo(total.dtype).tiny
    return torch.where(total > 0, aligned / total.clamp_min(smallest), target)


def flexmatch_thresholds(
    counts: Tensor, unused: Tensor | int, tau: float, warmup: bool = True
) -> Tensor:
    r"""FlexMatch's thresholds: lower for classes of which less is learned.

    .. math::
        \beta_c = \frac{\sigma_c}{\max(\max_k \sigma_k, \; N - \sum_k \sigma_k)}, \qquad
        \tau_c = \tau \, \frac{\beta_c}{2 - \beta_c}

    Args:
        counts: (C,) :math:`\sigma_c`, how many unlabelled images are confidently of class ``c``.
        unused: () or a number, :math:`N - \sum \sigma`: how many are of no class yet.
        tau: :math:`\tau`, in [0, 1].
        warmup: compare with the unused ones too, so that thresholds start low for all classes;
            ``False`` divides by the largest count alone.

    Returns:
        (C,) floats in [0, tau]; all 0 where nothing is counted.

    Raises:
        ValueError: a wrong shape; ``tau`` out of range.

    Source: FlexMatch (arXiv 2110.08263), equations 5 to 11.
    """
    check_unit("tau", tau)
    if counts.ndim != 1 or not len(counts):
        raise ValueError(f"counts must be (C,), C at least 1, got {tuple(counts.shape)}")
    counts = at_least_float32(counts)
    largest = counts.amax()
    if warmup:
        largest = largest.clamp_min(unused)
    beta = counts / largest.clamp_min(1)
    return tau * beta / (2 - beta)
