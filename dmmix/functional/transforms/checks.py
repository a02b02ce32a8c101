"""Checks of what the batch transforms are given, beside those of the mixes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dmmix.functional.tensors.checks import (
    check_integers,
    check_range,
    check_tensor,
    looks_at_values,
)
from dmmix.functional.tensors.draws import to_device


def check_images(images: Tensor, any_integers: bool = False) -> None:
    """uint8 (or ``any_integers``) or floating point, (N, ch, H, W)."""
    if not isinstance(images, Tensor):
        raise TypeError(f"images must be a Tensor, got {type(images).__name__}")
    integers = any_integers and not images.is_complex() and images.dtype != torch.bool
    if images.dtype != torch.uint8 and not images.is_floating_point() and not integers:
        allowed = "integers" if any_integers else "uint8"
        raise TypeError(f"images must be {allowed} or floating point, got {images.dtype}")
    if images.ndim != 4:
        raise ValueError(f"images must be (N, ch, H, W), got {tuple(images.shape)}")


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


def check_boxes(boxes: Tensor, images: Tensor, check: bool | None, smallest: int) -> None:
    """(N, 4) integers (top, left, height, width), inside the image."""
    check_integers("boxes", boxes, (images.shape[0], 4), images)
    if looks_at_values(check, boxes):
        height, width = images.shape[-2:]
        top, left, rows, columns = boxes.unbind(1)
        inside = (top >= 0) & (left >= 0) & (top + rows <= height) & (left + columns <= width)
        inside &= (rows >= smallest) & (columns >= smallest)
        rule = f"{height} x {width} images with sides of at least {smallest}, as (top, left, h, w)"
        check_range("boxes", boxes, inside[:, None].expand_as(boxes), rule)


def check_value(name: str, value: float | Sequence[float], images: Tensor) -> None:
    """Bytes do not hold every number."""
    values = value if isinstance(value, Sequence) else (value,)
    if images.dtype == torch.uint8 and not all(0 <= v <= 255 for v in values):
        raise ValueError(f"{name} must be in [0, 255] for uint8 images, got {value!r}")


def per_channel(name: str, value: float | Sequence[float] | Tensor, images: Tensor) -> Tensor:
    """(ch,) of the dtype and on the device of the images, without waiting for it."""
    values = value if isinstance(value, Tensor) else _as_tensor(name, value, images)
    return channel_values(name, values, images).to(images.dtype).expand(images.shape[1])


def channel_values(name: str, values: Tensor, images: Tensor) -> Tensor:
    """(ch,) or (1,) on the device of the images, without waiting for it."""
    channels = images.shape[1]
    if values.numel() not in (1, channels):
        raise ValueError(
            f"{name} must be a number or one for each of the {channels} channels, "
            f"got {tuple(values.shape)}"
        )
    values = values.reshape(-1)
    if values.device != images.device:
        (values,) = to_device([values], images.device)
    return values


def _as_tensor(name: str, value: float | Sequence[float], images: Tensor) -> Tensor:
    check_value(name, value, images)
    return torch.tensor(value, dtype=torch.float64)
