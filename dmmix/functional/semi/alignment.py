"""Predictions whose classes come as often as the labels'."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.tensors.checks import check_rows
from dmmix.functional.tensors.dtypes import at_least_float32

__all__ = ["align_distribution"]

#: A class that was never predicted.
_TINY = 1e-6


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
