"""Weights and probabilities that rise over the training."""

from __future__ import annotations

import math
from typing import Literal

from dmmix.functional.tensors.checks import check_unit


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


_SCHEDULES = {
    "linear": lambda x: x,
    "exp": lambda x: math.exp(5 * (x - 1)),
    "log": lambda x: 1 - math.exp(-5 * x),
}


def training_signal_annealing(
    progress: float, num_classes: int, schedule: Literal["linear", "exp", "log"] = "linear"
) -> float:
    r"""The probability above which a labelled image teaches nothing more, so far:
    :math:`\alpha (1 - 1/C) + 1/C`, from chance to 1.

    :math:`\alpha` is :math:`x`, :math:`e^{5(x - 1)}` or :math:`1 - e^{-5x}` of the progress
    :math:`x`.

    Args:
        progress: the part of the training that is done, in [0, 1].
        num_classes: at least 1.
        schedule: ``'linear'``, ``'exp'`` (late, for few labels) or ``'log'`` (early).

    Raises:
        ValueError: an argument out of range.

    Source: UDA (arXiv 1904.12848), section 2.3.
    """
    check_unit("progress", progress)
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, got {num_classes}")
    if schedule not in _SCHEDULES:
        raise ValueError(f"schedule must be one of {tuple(_SCHEDULES)}, got {schedule!r}")
    chance = 1 / num_classes
    return _SCHEDULES[schedule](progress) * (1 - chance) + chance
