"""Checks of arguments; the messages name the argument, its value and what is allowed.

Types, shapes and devices are known without looking at a value and always checked. Looking at
values waits for the device and breaks a compiled graph, so that is only done where it is asked
for, or by default on the CPU outside ``torch.compile``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

Shape = tuple[int | None, ...]


def check_images(images: Tensor, any_axes: bool = False) -> None:
    """Floating point and (N, ch, H, W), or of ``any_axes`` after the first."""
    if not isinstance(images, Tensor):
        raise TypeError(f"images must be a Tensor, got {type(images).__name__}")
    if not images.is_floating_point():
        raise TypeError(
            f"images must be floating point, got {images.dtype}: convert (and usually normalise) "
            "them before mixing"
        )
    if any_axes and images.ndim < 2:
        raise ValueError(f"images must be (N, ...), one row a sample, got {tuple(images.shape)}")
    if images.ndim != 4 and not any_axes:
        raise ValueError(f"images must be (N, ch, H, W), got {tuple(images.shape)}")


def check_lam(lam: Tensor, images: Tensor, check: bool | None = None, name: str = "lam") -> None:
    check_parts(name, lam, (images.shape[0],), images, check, "[0, 1]")


def check_index(
    index: Tensor, images: Tensor, check: bool | None = None, name: str = "index"
) -> None:
    n = images.shape[0]
    check_integers(name, index, (n,), images)
    if looks_at_values(check, index):
        check_range(name, index, (index >= 0) & (index < n), f"[0, {n})")


def check_centers(
    centers: Tensor, images: Tensor, check: bool | None = None, name: str = "centers"
) -> None:
    check_parts(name, centers, (images.shape[0], 2), images, check)


def check_parts(
    name: str,
    parts: Tensor,
    shape: Shape,
    images: Tensor,
    check: bool | None = None,
    allowed: str = "[0, 1)",
) -> None:
    """Floats of this shape, or one row of them for all samples, from 0 to 1."""
    check_floats(name, parts, shape, images)
    if looks_at_values(check, parts):
        # 1 is let through: a float64 draw just below it becomes 1 in float32.
        check_range(name, parts, (parts >= 0) & (parts <= 1), allowed)


def check_out(out: Tensor | None, images: Tensor, *more: Tensor) -> None:
    """``out`` has room for the images, and for more of them after these."""
    if out is None:
        return
    given = (images, *more)
    check_tensor("out", out, (sum(len(some) for some in given), *images.shape[1:]), images)
    if out.dtype != images.dtype:
        raise TypeError(f"out must be {images.dtype} like the images, got {out.dtype}")
    if torch.is_grad_enabled() and any(some.requires_grad for some in (out, *given)):
        raise ValueError("out cannot be used with images (or an out) that need a gradient")
    if torch.compiler.is_compiling() or not len(out):
        return
    if out.untyped_storage().data_ptr() in [t.untyped_storage().data_ptr() for t in given]:
        raise ValueError("out must have memory of its own, got that of the images")


def looks_at_values(check: bool | None, tensor: Tensor) -> bool:
    if torch.compiler.is_compiling():
        return False
    return tensor.device.type == "cpu" if check is None else check


def check_tensor(name: str, tensor: Tensor, shape: Shape, images: Tensor) -> None:
    """Of this shape; ``None`` in it is any length from 1."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} must be a Tensor, got {type(tensor).__name__}")
    if tensor.shape != shape and not _fits(tensor, shape):
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise ValueError(
            f"{name} must be ({wanted}{',' * (len(shape) == 1)}) for {images.shape[0]} images, got "
            f"{tuple(tensor.shape)}"
        )
    if tensor.device != images.device:
        raise ValueError(
            f"{name} must be on the device of the images, {images.device}, got {tensor.device}"
        )


def check_floats(
    name: str, tensor: Tensor, shape: Shape, images: Tensor, one_for_all: bool = True
) -> None:
    """Floats of this shape, or one row of them for all samples."""
    one = (1, *shape[1:])
    shared = one_for_all and isinstance(tensor, Tensor) and _fits(tensor, one)
    check_tensor(name, tensor, one if shared else shape, images)
    if not tensor.is_floating_point():
        raise TypeError(f"{name} must be floating point, got {tensor.dtype}")


def _fits(tensor: Tensor, shape: Shape) -> bool:
    return tensor.ndim == len(shape) and all(
        found > 0 if length is None else found == length
        for found, length in zip(tensor.shape, shape, strict=True)
    )


def check_integers(name: str, tensor: Tensor, shape: Shape, images: Tensor) -> None:
    check_tensor(name, tensor, shape, images)
    if tensor.dtype not in (torch.int64, torch.int32):
        # uint8 and bool would be taken for masks.
        raise TypeError(f"{name} must be int64 or int32, got {tensor.dtype}")


def check_range(name: str, values: Tensor, good: Tensor, allowed: str) -> None:
    if not bool(good.all()):  # nan is not good
        row = int((~good).nonzero()[0, 0])
        bad = values[~good][0].item()
        raise ValueError(f"{name} must be in {allowed}, got {bad:g} for sample {row}")


def check_rows(name: str, values: Tensor, columns: str = "C") -> None:
    """Floating point, one row a sample."""
    if values.ndim != 2 or not values.is_floating_point():
        raise ValueError(
            f"{name} must be floating point (N, {columns}), got {values.dtype} "
            f"{tuple(values.shape)}"
        )


def check_unit(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value}")


def check_positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be above 0 and finite, got {value}")


def check_not_negative(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must be 0 or more and finite, got {value}")


def check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be 1 or more, got {count}")
