"""Checks of what batch transforms are configured with; messages name the argument and its value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

__all__ = ["check_number", "check_probability", "height_and_width", "in_order", "numbers"]


def check_number(name: str, value: Any) -> None:
    """Raises unless ``value`` is a finite number (bools are none)."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")


def check_probability(name: str, value: Any) -> None:
    check_number(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value}")


def height_and_width(name: str, value: int | Sequence[int]) -> tuple[int, int]:
    """Two sides of at least 1, from one or two integers."""
    sides = (value, value) if isinstance(value, int) else value
    if not isinstance(sides, Sequence) or isinstance(sides, str):
        raise TypeError(f"{name} must be an integer or (height, width), got {value!r}")
    if len(sides) != 2 or not all(type(side) is int and side >= 1 for side in sides):
        raise ValueError(f"{name} must be 1 or 2 integers of at least 1, got {value!r}")
    return tuple(sides)


def in_order(
    name: str, value: Sequence[float], low: float = -math.inf, high: float = math.inf
) -> tuple[float, float]:
    """A range (min, max) between ``low`` and ``high``, both included."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise TypeError(f"{name} must be (min, max), got {value!r}")
    for bound in value:
        check_number(name, bound)
    if not low <= value[0] <= value[1] <= high:
        raise ValueError(
            f"{name} must be (min, max) with {low} <= min <= max <= {high}, got {tuple(value)}"
        )
    return float(value[0]), float(value[1])


def numbers(name: str, value: float | Sequence[float]) -> float | tuple[float, ...]:
    """One number, or one for each channel."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        check_number(name, value)
        return value
    if not value:
        raise ValueError(f"{name} must be a number or one for each channel, got {value!r}")
    for number in value:
        check_number(name, number)
    return tuple(value)
