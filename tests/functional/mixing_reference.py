"""Mixes one sample at a time, from the papers; and what is really in a mixed image."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

LAYOUTS = ("contiguous", "channels_last", "strided")


def images_in(layout: str, images: Tensor) -> Tensor:
    """The same values in another memory layout."""
    if layout == "channels_last":
        return images.contiguous(memory_format=torch.channels_last)
    if layout == "strided":  # every other row and column of something larger
        n, ch, h, w = images.shape
        holder = torch.full((n, ch, 2 * h, 2 * w), -1.0, dtype=images.dtype, device=images.device)
        view = holder[:, :, ::2, ::2]
        view.copy_(images)
        return view
    return images.contiguous()


def provenance(
    mix: Callable[[Tensor], Tensor], shape: tuple[int, ...], dtype: torch.dtype, layout: str
) -> Tensor:
    """(N, N) float64: the part of each mixed image that comes from each source image.

    ``mix`` takes images to mixed images, the same way each time. One source at a time is white
    and the others black, so the mean of a mixed image is what it has of the white one.
    """
    n = shape[0]
    found = torch.zeros(n, n, dtype=torch.float64)
    for source in range(n):
        images = torch.zeros(shape, dtype=dtype)
        images[source] = 1
        found[:, source] = mix(images_in(layout, images)).double().mean((1, 2, 3))
    return found


def mixup(images: Tensor, lam: list[float], index: list[int]) -> tuple[Tensor, list[float]]:
    """lambda x_i + (1 - lambda) x_j."""
    mixed = torch.empty_like(images)
    for i, (share, j) in enumerate(zip(lam, index, strict=True)):
        mixed[i] = share * images[i] + (1 - share) * images[j]
    return mixed, lam


def cutmix(
    images: Tensor,
    lam: list[float],
    index: list[int],
    centers: list[list[float]],
    inside: bool = False,
) -> tuple[Tensor, list[float]]:
    """r_w = W sqrt(1 - lambda), r_h = H sqrt(1 - lambda), and what is left after clipping."""
    height, width = images.shape[-2:]
    mixed, shares = images.clone(), []
    for i, j in enumerate(index):
        edges = []
        for length, center in ((height, centers[i][0]), (width, centers[i][1])):
            side = round(math.sqrt(1 - lam[i]) * length)
            start = round(center * length - side / 2)
            if inside:
                start = min(max(start, 0), length - side)
            edges.append((max(start, 0), min(start + side, length)))
        (top, bottom), (left, right) = edges
        mixed[i, :, top:bottom, left:right] = images[j, :, top:bottom, left:right]
        shares.append(1 - (bottom - top) * (right - left) / (height * width))
    return mixed, shares
