"""Arguments that these functions share."""

from __future__ import annotations

from torch import Tensor

__all__ = ["check_rows", "check_unit"]


def check_rows(name: str, values: Tensor) -> None:
    """Raises unless ``values`` is floating point (N, C)."""
    if values.ndim != 2 or not values.is_floating_point():
        raise ValueError(
            f"{name} must be floating point (N, C), got {values.dtype} {tuple(values.shape)}"
        )


def check_unit(name: str, value: float) -> None:
    """Raises unless ``value`` is in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value}")
