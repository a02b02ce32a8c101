"""Arguments that several methods have."""

from __future__ import annotations

import math
from typing import Any

from dmmix.datasets.semi.checks import check_count
from dmmix.mixups.base import check_number

__all__ = ["check_count", "check_share", "check_temperature", "check_weight"]


def check_weight(name: str, value: Any) -> None:
    """Raises unless ``value`` is a number, 0 or more and finite."""
    check_number(name, value)
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be 0 or more and finite, got {value}")


def check_share(name: str, value: Any) -> None:
    """Raises unless ``value`` is a number in [0, 1]."""
    check_number(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value}")


def check_temperature(name: str, value: Any) -> None:
    """Raises unless ``value`` is a number above 0 and finite."""
    check_number(name, value)
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be above 0 and finite, got {value}")
