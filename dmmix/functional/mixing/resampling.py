"""A box of each image resized into another box, every sample with sizes of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.mixing.boxes import within
from dmmix.functional.mixing.checks import share_dtype

__all__ = ["resize_boxes"]

Span = tuple[Tensor, Tensor]


def resize_boxes(images: Tensor, source: tuple[Span, Span], target: tuple[Span, Span]) -> Tensor:
    """(N, ch, H, W): inside the target box of each image its source box, resized; 0 elsewhere.

    Bilinear with antialiasing, as :func:`torch.nn.functional.interpolate` resizes the box cut out,
    but all boxes at once and from where they are. Computed in float32 at least.

    Args:
        source, target: (rows, columns), each the first pixel and the one after the last, two (N,)
            integer tensors. A source box without pixels gives zeros.
    """
    n, ch, height, width = images.shape
    dtype = share_dtype(images)
    down = _weights(source[0], target[0], height, dtype)
    across = _weights(source[1], target[1], width, dtype)
    with torch.autocast(images.device.type, enabled=False):
        lines = images.transpose(1, 2).to(dtype).reshape(n, height, ch * width)
        lines = torch.bmm(down, lines).view(n, height * ch, width)
        lines = torch.bmm(lines, across.transpose(1, 2)).view(n, height, ch, width)
    return lines.transpose(1, 2).to(images.dtype)


def _weights(source: Span, target: Span, length: int, dtype: torch.dtype) -> Tensor:
    """(N, length, length): what each pixel of the target takes of each pixel of the source.

    A triangle around the place that the pixel comes from, as wide as the pixel is there and no
    narrower than two pixels, cut off at the edges of the box; its sum is 1.
    """
    pixel = torch.arange(length, device=source[0].device, dtype=dtype) + 0.5
    start, side = source[0].to(dtype)[:, None], (source[1] - source[0]).to(dtype)[:, None]
    scale = side / (target[1] - target[0]).clamp_min(1).to(dtype)[:, None]
    center = start + (pixel - target[0].to(dtype)[:, None]) * scale
    reach = scale.clamp_min(1)[:, :, None]
    weights = (reach - (pixel - center[:, :, None]).abs()).clamp_min(0)
    pair = within(*target, length)[:, :, None] & within(*source, length)[:, None, :]
    weights = weights * pair
    total = weights.sum(2, keepdim=True)
    return weights / torch.where(total > 0, total, 1)
