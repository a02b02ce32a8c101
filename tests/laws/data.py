"""What the laws are asked of: generators, batches and memory layouts, the same for all of them."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["LAYOUTS", "batch", "generator", "images_in", "noise"]

LAYOUTS = ("contiguous", "channels_last", "strided")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    """Normally distributed numbers, drawn in float64."""
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64).to(dtype)


def images_in(layout: str, images: Tensor) -> Tensor:
    """The same values in another memory layout."""
    if layout == "channels_last":
        return images.contiguous(memory_format=torch.channels_last)
    if layout == "strided":  # every other row and column of something larger
        n, ch, h, w = images.shape
        whole = torch.full((n, ch, 2 * h, 2 * w), 7, dtype=images.dtype, device=images.device)
        return whole[:, :, ::2, ::2].copy_(images)
    return images.contiguous()


def batch(
    n: int = 4,
    ch: int = 3,
    size: tuple[int, int] = (8, 8),
    dtype: torch.dtype = torch.float32,
    layout: str = "contiguous",
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Images of noise, (N, ch, H, W), and labels (N,) of which each is another class.

    Bytes are from 0 to 255, all other numbers are normally distributed.
    """
    if dtype == torch.uint8:
        images = torch.randint(256, (n, ch, *size), generator=generator(seed)).to(dtype)
    else:
        images = noise(n, ch, *size, dtype=dtype, seed=seed)
    return images_in(layout, images), torch.arange(n)
