"""Weights that rise over the training, from 0 to 1."""

from __future__ import annotations

import math

from dmmix.functional.tensors.checks import check_unit

__all__ = ["gaussian_ramp", "half_cosine_ramp", "linear_ramp"]


def linear_ramp(progress: float, length: float) -> float:
    """``min(1, progress / length)``; 1 for ``length=0``.

    Args:
        progress: the part of the training that is done, in [0, 1].
        length: the part after which the weight is 1, in [0, 1].

    Raises:
        ValueError: an argument out of range.
    """
    check_unit("progress", progress)
    check_unit("length", length)
    return 1.0 if progress >= length else progress / length


def gaussian_ramp(progress: float, length: float) -> float:
    r""":math:`\exp(-5 (1 - x)^2)` with :math:`x` the linear ramp; 0 at the start.

    Args, errors: as :func:`linear_ramp`. Source: Temporal ensembling (arXiv 1610.02242).
    """
    x = linear_ramp(progress, length)
    return math.exp(-5 * (1 - x) ** 2) if progress > 0 or length == 0 else 0.0


def half_cosine_ramp(progress: float) -> float:
    r""":math:`(1 - \cos(\pi \, \mathrm{progress})) / 2`.

    Raises:
        ValueError: ``progress`` outside [0, 1].

    Source: the code of decoupled mixup (arXiv 2203.10761).
    """
    check_unit("progress", progress)
    return (1 - math.cos(math.pi * progress)) / 2
