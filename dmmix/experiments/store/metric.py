"""What a run is worth: one number of the curve that it logged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from dmmix.configuration.errors import UserError
from dmmix.suggestions import suggestion

#: ``median10`` is the paper's for supervised training, ``best`` its for semi-supervised.
METRICS = {
    "median10": "median of the last 10 epochs",
    "best": "highest of all epochs",
    "last": "of the last epoch",
}


def check_metric(metric: str) -> None:
    """Raises UserError unless it is one of :data:`METRICS`."""
    if metric not in METRICS:
        near = suggestion(str(metric), set(METRICS))
        raise UserError(f"metric must be one of {', '.join(METRICS)}, got {metric!r}{near}")


def measure(curve: Sequence[tuple[int, float]], metric: str, window: int = 10) -> float:
    """The metric of a curve.

    Args:
        curve: (step, value), in order of the steps.
        metric: a key of :data:`METRICS`.
        window: how many steps ``median10`` looks back, from the last one of the curve: 10 epochs,
            or that many iterations for a run that counts those.

    Returns:
        The number; nan for a curve without values.
    """
    if not curve:
        return math.nan
    if metric == "best":
        return max(value for _, value in curve)
    if metric == "last":
        return curve[-1][1]
    last = curve[-1][0]
    return median(value for step, value in curve if step > last - window)
