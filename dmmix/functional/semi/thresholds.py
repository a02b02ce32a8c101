"""Thresholds of confidence, one a class."""

from __future__ import annotations

from torch import Tensor

from dmmix.functional.tensors.checks import check_unit
from dmmix.functional.tensors.dtypes import at_least_float32

__all__ = ["flexmatch_thresholds"]


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
