"""Spans of pixels along an axis, one a sample: the first pixel and the one after the last."""

from __future__ import annotations

import torch
from torch import Tensor

Span = tuple[Tensor, Tensor]


def within(start: Tensor, stop: Tensor, length: int) -> Tensor:
    """(N, length) bool, true from ``start`` up to before ``stop``."""
    pixel = torch.arange(length, device=start.device)
    return (pixel >= start[:, None]) & (pixel < stop[:, None])


def side_ratio(lam: Tensor) -> Tensor:
    r"""Sides of a box that leaves the share :math:`\lambda`, as parts of those of the image:
    :math:`\sqrt{1 - \lambda}`, in float32 at least."""
    return torch.rsub(lam.to(torch.promote_types(lam.dtype, torch.float32)), 1).sqrt_()


def centered(ratio: Tensor, center: Tensor, length: int | Tensor, *, inside: bool = False) -> Span:
    """Spans of ``round(ratio * length)`` pixels around a point, cut off at both ends of the axis.

    Args:
        ratio, center: parts of the length, (N,) or (1,) floats of one dtype.
        length: of the axis. A tensor with an axis more, and ``ratio`` and ``center`` with it, are
            several axes at once.
        inside: move the spans onto the axis as a whole instead of cutting them off.

    Returns:
        Whole numbers, as floats.
    """
    side = (ratio * length).round_()
    # Rounding the edge, not the centre: the span is as likely to lean to either side.
    start = (center * length).sub(side, alpha=0.5).round_()
    if inside:
        start = torch.minimum(start.clamp_min_(0), length - side)
    stop = (start + side).clamp_max(length)
    return start.clamp_min_(0), stop


def around(pixel: Tensor, side: Tensor | int, length: int) -> Span:
    """Spans of ``side`` pixels around one of them, cut off at both ends; an even span has a pixel
    more before it than after it."""
    start = pixel - side // 2
    return start.clamp_min(0), (start + side).clamp_max(length)


def placed(place: Tensor, side: Tensor, length: int) -> Span:
    """Spans of ``side`` pixels that lie on the axis.

    Args:
        place: (N,) floats in [0, 1); uniform ones make all places that a span can have equally
            likely. 0 is the first of them, 1 the end of the last.
        side: (N,) integers; one that is longer than the axis starts at its first pixel.
    """
    room = (length - side).clamp_min(0)
    # The product may round up to room + 1.
    start = torch.minimum((place * (room + 1)).long(), room)
    return start, start + side


def whole(like: Tensor, length: int) -> Span:
    """The whole axis, for as many samples as ``like`` has."""
    start = torch.zeros_like(like)
    return start, start + length


def box_area(rows: Span, columns: Span) -> Tensor:
    """(N,) pixels of the boxes."""
    return (rows[1] - rows[0]) * (columns[1] - columns[0])


def box_mask(rows: Span, columns: Span, size: tuple[int, int]) -> Tensor:
    """(N, H, W) bool, true inside the boxes."""
    return within(*rows, size[0])[:, :, None] & within(*columns, size[1])[:, None, :]
