"""Borders around images, of any dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from dmmix.functional.tensors.layout import as_planes, from_planes
from dmmix.functional.transforms.checks import check_images, check_value, per_channel

PaddingMode = Literal["constant", "edge", "reflect", "symmetric"]
PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


def pad(
    images: Tensor,
    padding: int | Sequence[int],
    *,
    pad_val: float | Sequence[float] = 0,
    padding_mode: PaddingMode = "constant",
) -> Tensor:
    """The images with a border around them.

    Args:
        images: (N, ch, H, W), uint8 or any float dtype, device and memory format; not written to.
        padding: pixels on all sides; or (left and right, top and bottom); or (left, top, right,
            bottom). At least 0.
        pad_val: the border in the mode ``'constant'``, one number or one for each channel.
        padding_mode: ``'constant'``; ``'edge'``, the pixels at the edge repeated; ``'reflect'``,
            the image mirrored at the pixels of the edge; ``'symmetric'``, mirrored at the edge
            itself, so that the pixels there come twice. Mirrored borders are narrower than the
            image (``'symmetric'``: not wider).

    Returns:
        (N, ch, H + top + bottom, W + left + right), the dtype and memory format of the images.

    Raises:
        TypeError, ValueError: an argument of a wrong type, shape or size.
    """
    check_images(images)
    left, top, right, bottom = sides = four_sides(padding)
    if padding_mode not in PADDING_MODES:
        raise ValueError(f"padding_mode must be one of {PADDING_MODES}, got {padding_mode!r}")
    height, width = images.shape[-2:]
    _check_mirrored(padding_mode, sides, height, width)
    if not any(sides):
        return images
    planes = as_planes(images)
    k = planes.shape[3]
    shape = (len(planes), top + height + bottom, left + width + right, k)
    rows, columns = slice(top, top + height), slice(left, left + width)
    if padding_mode == "constant":
        padded = _filled(shape, pad_val, images)
        padded[:, rows, columns] = planes
    else:
        padded = planes.new_empty(shape)
        padded[:, rows, columns] = planes
        _continue(padded[:, rows], left, right, 2, padding_mode)
        _continue(padded, top, bottom, 1, padding_mode)
    return from_planes(padded, images)


def four_sides(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    sides = (padding,) if isinstance(padding, int) else padding
    message = f"padding must be 1, 2 or 4 integers of at least 0, got {padding!r}"
    if not isinstance(sides, Sequence) or not all(isinstance(side, int) for side in sides):
        raise TypeError(message)
    if len(sides) not in (1, 2, 4) or min(sides) < 0:
        raise ValueError(message)
    left, top, right, bottom = (tuple(sides) * 4)[:4]
    return left, top, right, bottom


def _filled(shape: tuple[int, ...], pad_val: float | Sequence[float], images: Tensor) -> Tensor:
    """Planes of the value of their channel."""
    if isinstance(pad_val, (int, float)):
        check_value("pad_val", pad_val, images)
        return images.new_full(shape, pad_val)
    values = per_channel("pad_val", pad_val, images)
    if shape[3] == 1:
        return values.repeat(images.shape[0]).view(-1, 1, 1, 1).repeat(1, *shape[1:])
    return values.repeat(shape[0], shape[1], shape[2], 1)


def _check_mirrored(mode: str, sides: tuple[int, ...], height: int, width: int) -> None:
    if mode not in ("reflect", "symmetric"):
        if mode == "edge" and any(sides) and not (height and width):
            raise ValueError(f"images of {height} x {width} have no edge to repeat")
        return
    spare = 1 if mode == "reflect" else 0
    if max(sides[::2]) > width - spare or max(sides[1::2]) > height - spare:
        raise ValueError(
            f"padding {sides} with padding_mode='{mode}' is too wide for {height} x {width} images"
        )


def _continue(padded: Tensor, before: int, after: int, dim: int, mode: str) -> None:
    """Writes the borders along a dimension, whose middle part is there already."""
    last = padded.shape[dim] - after - 1
    skip = 1 if mode == "reflect" else 0
    # Where a border starts, its width, the edge next to it, and the mirror image of its start.
    borders = (
        (0, before, before, 2 * before - 1 + skip),
        (last + 1, after, last, last - skip),
    )
    for start, width, edge, mirrored in borders:
        if not width:
            continue
        border = padded.narrow(dim, start, width)
        if mode == "edge":
            border.copy_(padded.narrow(dim, edge, 1))
        else:
            # Half the time of flip for a few columns of bytes with the channels last.
            index = torch.arange(mirrored, mirrored - width, -1, device=padded.device)
            border.copy_(padded.index_select(dim, index))
