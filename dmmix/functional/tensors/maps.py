"""Maps that say where to look in an image: attention, class activation, saliency."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from dmmix.functional.tensors.checks import looks_at_values
from dmmix.functional.tensors.dtypes import at_least_float32


def check_maps(name: str, maps: Tensor, images: Tensor, check: bool | None = None) -> None:
    """Raises unless ``maps`` is one (h, w) map of finite numbers for each image."""
    if not isinstance(maps, Tensor):
        raise TypeError(f"{name} must be a Tensor, got {type(maps).__name__}")
    if not maps.is_floating_point():
        raise TypeError(f"{name} must be floating point, got {maps.dtype}")
    n = images.shape[0]
    if maps.ndim != 3 or maps.shape[0] != n or 0 in maps.shape[1:]:
        raise ValueError(
            f"{name} must be ({n}, h, w) for {n} images, one map each, got {tuple(maps.shape)}"
        )
    if maps.device != images.device:
        raise ValueError(
            f"{name} must be on the device of the images, {images.device}, got {maps.device}"
        )
    if looks_at_values(check, maps) and not bool(maps.isfinite().all()):
        raise ValueError(f"{name} must be finite, got nan or inf")


def resize_maps(maps: Tensor, size: tuple[int, int], antialias: bool = False) -> Tensor:
    """(N, h, w) maps at another size, bilinear, in float32 (float64 stays).

    Args:
        antialias: average over all that a new pixel covers, where the map is finer than ``size``.
    """
    maps = at_least_float32(maps)
    if maps.shape[1:] == size:
        return maps
    maps = F.interpolate(
        maps[:, None], size, mode="bilinear", align_corners=False, antialias=antialias
    )
    return maps[:, 0]


def normalised(maps: Tensor) -> Tensor:
    """(N, h, w) maps, 0 or more, scaled to a sum of 1; one of zeros becomes even."""
    total = maps.sum((1, 2), keepdim=True)
    some = total > 0
    return torch.where(
        some, maps / torch.where(some, total, 1), 1 / (maps.shape[1] * maps.shape[2])
    )


def rank(values: Tensor) -> Tensor:
    """(N, K), the place of each of the K values of a row from the largest on; of equal ones the
    first comes first."""
    order = values.argsort(dim=1, descending=True, stable=True)
    place = torch.arange(values.shape[1], device=values.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, place)
