"""A window of each image, every sample with a place of its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dmmix.functional.tensors.checks import check_integers, check_range, looks_at_values
from dmmix.functional.tensors.layout import as_planes, from_planes
from dmmix.functional.transforms.checks import check_images
from dmmix.functional.transforms.padding import PaddingMode, pad


class Windows:
    """Windows of one size (height, width) of images that stay where they are in memory."""

    def __init__(self, images: Tensor, size: tuple[int, int]) -> None:
        planes = as_planes(images)
        count, height, width, k = planes.shape
        rows, columns = size
        self.images = images
        self.shape = count, rows, columns, k
        self.width = width
        # All rows of pixels that a window may have, from each pixel on: they overlap, so this is a
        # view. Each row of a window then is one copy of a run of memory; picking pixels one by one
        # takes over ten times as long.
        count_of_runs = max(0, count * height * width - columns + 1)
        self.runs = planes.as_strided((count_of_runs, columns * k), (k, 1))
        # Where the rows of a window in the upper left corner begin.
        top = torch.arange(count, device=images.device).mul_(height * width).unsqueeze(1)
        self.starts = top + torch.arange(rows, device=images.device).mul_(width)

    def at(self, top: Tensor, left: Tensor) -> Tensor:
        """(N, ch, height, width), at corners (N,) int64 that nobody checks."""
        moved = torch.add(left, top, alpha=self.width)
        if self.starts.shape[0] != moved.shape[0]:  # a plane for each channel
            moved = moved.repeat_interleave(self.starts.shape[0] // moved.shape[0])
        start = self.starts + moved.unsqueeze(1)
        windows = self.runs.index_select(0, start.view(-1))
        return from_planes(windows.view(self.shape), self.images)


def crop(
    images: Tensor,
    corners: Tensor,
    size: tuple[int, int],
    *,
    padding: int | Sequence[int] = 0,
    pad_val: float | Sequence[float] = 0,
    padding_mode: PaddingMode = "constant",
    check: bool | None = None,
) -> Tensor:
    """The window of each image at its corner, after padding.

    Args:
        images: (N, ch, H, W), uint8 or any float dtype, device and memory format; not written to.
        corners: (N, 2) integers (top, left), the first row and column of the window in the padded
            image, on the device of the images. See :func:`draw_crops`.
        size: (height, width) of the windows, not larger than the padded image.
        padding, pad_val, padding_mode: see :func:`pad`.
        check: look whether all windows lie inside. ``None``: on the CPU only, elsewhere it would
            wait for the device.

    Returns:
        (N, ch, height, width) of ``size``, the dtype and memory format of the images.

    Raises:
        TypeError, ValueError: an argument of a wrong type, shape or size.
    """
    check_images(images)
    check_integers("corners", corners, (images.shape[0], 2), images)
    images = pad(images, padding, pad_val=pad_val, padding_mode=padding_mode)
    height, width = images.shape[-2:]
    rows, columns = size
    if not (0 < rows <= height and 0 < columns <= width):
        raise ValueError(f"size must be within the {height} x {width} of the images, got {size}")
    if looks_at_values(check, corners):
        last = corners.new_tensor([height - rows, width - columns])
        rule = f"[0, {height - rows}] (top) and [0, {width - columns}] (left)"
        check_range("corners", corners, (corners >= 0) & (corners <= last), rule)
    return Windows(images, size).at(*corners.to(torch.int64).unbind(1))
