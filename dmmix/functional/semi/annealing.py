"""Few labels are not to be learned by heart at once."""

from __future__ import annotations

import math
from typing import Literal

from dmmix.functional.tensors.checks import check_unit

__all__ = ["training_signal_annealing"]

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
