"""Arguments with a value for each image of a uint8 batch: their checks and shapes."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.tensors.checks import check_range, check_tensor, looks_at_values
from dmmix.functional.transforms.checks import check_images

__all__ = ["as_column", "check_bytes", "check_per_sample"]


def check_bytes(images: Tensor) -> None:
    """Raises unless ``images`` is (N, ch, H, W) uint8."""
    if isinstance(images, Tensor) and images.dtype != torch.uint8:
        raise TypeError(f"images must be uint8, not normalised yet, got {images.dtype}")
    check_images(images)


def check_per_sample(
    name: str,
    values: Tensor,
    images: Tensor,
    low: float,
    high: float,
    check: bool | None,
    integers: bool = False,
) -> None:
    """Raises unless ``values`` has one number in [low, high], and finite, for each image."""
    check_tensor(name, values, (images.shape[0],), images)
    if values.dtype == torch.bool or values.is_complex():
        raise TypeError(f"{name} must be real numbers, got {values.dtype}")
    if integers and values.is_floating_point():
        raise TypeError(f"{name} must be integers, got {values.dtype}")
    if looks_at_values(check, values):
        good = (values >= low) & (values <= high)
        if values.is_floating_point():
            good &= values.isfinite()
        allowed = "the finite numbers" if low == -float("inf") else f"[{low:g}, {high:g}]"
        check_range(name, values, good, allowed.replace("inf]", "inf)"))


def as_column(values: Tensor) -> Tensor:
    """(N,) as (N, 1, 1, 1)."""
    return values.view(-1, 1, 1, 1)
