"""Losses between a prediction and a target that the network made itself."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dmmix.functional.semi.pseudo_labels import one_hot
from dmmix.functional.tensors.checks import check_rows
from dmmix.functional.tensors.dtypes import at_least_float32


def masked_cross_entropy(logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Mean over all samples of the cross entropy of those that count,

    .. math:: \frac1N \sum_n m_n \, H(q_n, \mathrm{softmax}(z_n)).

    Args:
        logits: (N, C); in float32 at least from here on.
        target: (N,) integers, or (N, C) distributions; it gets no gradient.
        mask: (N,) bools or weights; ``None`` counts all.

    Returns:
        A number; 0 for no samples.

    Raises:
        ValueError: a wrong shape.

    Source: FixMatch (arXiv 2001.07685), equation 4.
    """
    check_rows("logits", logits)
    _check_target(logits, target)
    z = at_least_float32(logits)
    target = target.detach()
    if target.is_floating_point():
        loss = -_times_log(target.to(z.dtype), z).sum(dim=1)
    else:
        loss = F.cross_entropy(z, target, reduction="none")
    return _masked_mean(loss, mask)


def kl_consistency(logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Mean over all samples of :math:`m_n \, \mathrm{KL}(q_n \| \mathrm{softmax}(z_n))`.

    The gradient is that of :func:`masked_cross_entropy` with the same distributions; the value is
    0 where they are met.

    Args:
        logits: (N, C).
        target: (N, C) distributions, or (N,) integers; it gets no gradient.
        mask: (N,) bools or weights; ``None`` counts all.

    Returns:
        A number; 0 for no samples.

    Raises:
        ValueError: a wrong shape.

    Source: UDA (arXiv 1904.12848), equation 1.
    """
    check_rows("logits", logits)
    target = _distributions(logits, target)
    z = at_least_float32(logits)
    target = target.detach().to(z.dtype)
    loss = (torch.xlogy(target, target) - _times_log(target, z)).sum(dim=1)
    return _masked_mean(loss, mask)


def mean_squared_consistency(logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Mean over samples and classes of :math:`m_n \, (\mathrm{softmax}(z_n)_c - q_{nc})^2`.

    Args:
        logits: (N, C).
        target: (N, C) distributions, or (N,) integers. A gradient goes into distributions too:
            detach what should have none.
        mask: (N,) bools or weights; ``None`` counts all.

    Returns:
        A number; 0 for no samples.

    Raises:
        ValueError: a wrong shape.

    Source: Temporal ensembling (arXiv 1610.02242); MixMatch (arXiv 1905.02249), equation 4.
    """
    check_rows("logits", logits)
    target = _distributions(logits, target)
    probs = at_least_float32(logits).softmax(dim=1)
    squares = (probs - target.to(probs.dtype)).square()
    if mask is None:
        return squares.sum() / max(1, probs.numel())
    return _masked_mean(squares.mean(dim=1), mask)


def _masked_mean(loss: Tensor, mask: Tensor | None) -> Tensor:
    if mask is not None:
        if mask.shape != loss.shape:
            raise ValueError(f"mask must be {tuple(loss.shape)}, got {tuple(mask.shape)}")
        loss = loss * mask.to(loss.dtype)
    return loss.sum() / max(1, len(loss))


def _check_target(logits: Tensor, target: Tensor) -> None:
    allowed = (logits.shape,) if target.is_floating_point() else (logits.shape[:1],)
    if target.shape not in allowed:
        raise ValueError(
            f"target must be (N,) integers or (N, C) = {tuple(logits.shape)} distributions, got "
            f"{target.dtype} {tuple(target.shape)}"
        )


def _times_log(target: Tensor, logits: Tensor) -> Tensor:
    """Of each class; 0 where the target is, also for a logit of -inf."""
    return (target * logits.log_softmax(dim=1)).masked_fill(target == 0, 0.0)


def _distributions(logits: Tensor, target: Tensor) -> Tensor:
    """(N, C), one-hot rows for integers; nothing looks at their values."""
    _check_target(logits, target)
    return target if target.is_floating_point() else one_hot(target, logits)
