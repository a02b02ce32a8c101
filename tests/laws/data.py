"""What the laws are asked of: generators, batches, mixed labels and memory layouts."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional import MixedLabels

__all__ = ["LAYOUTS", "batch", "generator", "images_in", "mixed_batch", "noise", "pairs"]

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


def mixed_batch(
    n: int,
    num_classes: int,
    k: int,
    *,
    seed: int = 0,
    scale: float = 3.0,
    repeats: bool = True,
    zeros: bool = True,
) -> tuple[Tensor, MixedLabels]:
    """float64 logits and mixtures of ``k`` classes, with everything that can happen to them.

    ``repeats`` lets a class stand in several slots, ``zeros`` lets shares be 0.
    """
    g = generator(seed)
    logits = scale * torch.randn(n, num_classes, generator=g, dtype=torch.float64)
    if repeats:
        classes = torch.randint(num_classes, (n, k), generator=g)
        classes[:1] = classes[:1, :1]
    else:
        classes = torch.rand(n, num_classes, generator=g).argsort(dim=1)[:, :k]
    shares = torch.rand(n, k, generator=g, dtype=torch.float64) + 0.05
    if zeros and k > 1:
        shares[1::4, torch.randint(k, (1,), generator=g)] = 0
        shares[2::4, 1:] = 0
    return logits, MixedLabels(classes, shares / shares.sum(dim=1, keepdim=True))


def pairs(a: list[int], b: list[int], lam: list[float], dtype=torch.float64) -> MixedLabels:
    """Labels of pairs: a share ``lam`` of ``a``, the rest of ``b``."""
    lam = torch.as_tensor(lam, dtype=dtype)
    return MixedLabels(torch.tensor([a, b]).T, torch.stack([lam, 1 - lam], dim=1))
