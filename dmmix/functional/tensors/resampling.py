"""Boxes of images resized, every sample with a box and sizes of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.functional.tensors.grids import pixel_centers
from dmmix.functional.tensors.spans import Span, within


def resize_boxes(images: Tensor, source: tuple[Span, Span], target: tuple[Span, Span]) -> Tensor:
    """(N, ch, H, W): inside the target box of each image its source box, resized; 0 elsewhere.

    Bilinear with antialiasing, as :func:`torch.nn.functional.interpolate` resizes the box cut out,
    but all boxes at once and from where they are. Computed in float32 at least.

    Args:
        source, target: (rows, columns), each the first pixel and the one after the last, two (N,)
            integer tensors. A source box without pixels gives zeros.
    """
    height, width = images.shape[-2:]
    dtype = share_dtype(images)
    down = resampling_weights(source[0], target[0], (height, height), dtype)
    across = resampling_weights(source[1], target[1], (width, width), dtype)
    return resample(images, down, across).to(images.dtype)


def resample(images: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """(N, ch, h, w) in the dtype of the weights: each image resized along both axes.

    Args:
        images: (N, ch, H, W), any dtype.
        down: (N, h, H), what each row takes of each row of the image.
        across: (N, w, W), the same for the columns.
    """
    n, ch, height, width = images.shape
    with torch.autocast(images.device.type, enabled=False):
        lines = images.transpose(1, 2).to(down.dtype).reshape(n, height, ch * width)
        lines = torch.bmm(down, lines).view(n, down.shape[1] * ch, width)
        lines = torch.bmm(lines, across.transpose(1, 2))
    return lines.view(n, down.shape[1], ch, across.shape[1]).transpose(1, 2)


def resampling_weights(
    source: Span,
    target: Span,
    lengths: tuple[int, int],
    dtype: torch.dtype,
    interpolation: str = "bilinear",
) -> Tensor:
    """(N, target length, source length): what each pixel of the target takes of the source's.

    A kernel around the place that the pixel comes from, as wide as the pixel is there and no
    narrower than for a pixel of the source, cut off at the edges of the box; its sum is 1.

    Args:
        source, target: the first pixel of the box and the one after its last, two (N,) integers.
        lengths: of the source and of the target.
        interpolation: ``'bilinear'`` or ``'bicubic'``.
    """
    pixel, place = (pixel_centers(length, source[0].device, dtype) for length in lengths)
    start, side = source[0].to(dtype)[:, None], (source[1] - source[0]).to(dtype)[:, None]
    scale = side / (target[1] - target[0]).clamp_min(1).to(dtype)[:, None]
    center = start + (place - target[0].to(dtype)[:, None]) * scale
    reach = scale.clamp_min(1)[:, :, None]
    distance = (pixel - center[:, :, None]).abs()
    if interpolation == "bilinear":
        weights = (reach - distance).clamp_min(0)
    else:
        weights = _cubic(distance / reach)
    pair = within(*target, lengths[1])[:, :, None] & within(*source, lengths[0])[:, None, :]
    weights = weights * pair
    total = weights.sum(2, keepdim=True)
    return weights / torch.where(total > 0, total, 1)


def _cubic(distance: Tensor) -> Tensor:
    """Keys' kernel with a = -1/2, as Pillow and torch's antialiased bicubic have it."""
    near = (1.5 * distance - 2.5) * distance * distance + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return torch.where(distance < 1, near, far * (distance < 2))
