"""What is really in a mixed image."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tests.laws.data import LAYOUTS, images_in

__all__ = ["LAYOUTS", "provenance"]


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
