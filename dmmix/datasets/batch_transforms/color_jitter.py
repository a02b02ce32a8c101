"""Random changes of colour, for whole batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

from torch import Generator, Tensor

from dmmix.datasets.batch_transforms.base import BatchTransform
from dmmix.datasets.batch_transforms.checks import check_number, in_order
from dmmix.functional.transforms import color_jitter, draw_orders, draw_uniform
from dmmix.functional.transforms.color import JITTERS
from dmmix.registry import TRANSFORMS

__all__ = ["BatchColorJitter"]


@TRANSFORMS.register_module()
class BatchColorJitter(BatchTransform):
    """Brightness, contrast, saturation and hue of each image changed, in a random order.

    Factors and order are drawn for each image, as by mmpretrain's ``ColorJitter`` and
    torchvision's, with the arguments of the former.

    Args:
        brightness, contrast, saturation: the factor is uniform in [max(0, 1 - x), 1 + x], or in the
            range (min, max) given; 1 changes nothing. At least 0.
        hue: the shift is uniform in [-x, x], x at most 0.5, or in the range given, within
            (-0.5, 0.5); 1 is the whole circle.

    A change that is always nothing (0 here) is left out. Images have 1 or 3 channels, uint8 or
    floats in [0, 1]; grey images have neither saturation nor hue.

    Raises:
        TypeError, ValueError: an argument of a wrong type or value.
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0.0,
        contrast: float | Sequence[float] = 0.0,
        saturation: float | Sequence[float] = 0.0,
        hue: float | Sequence[float] = 0.0,
    ) -> None:
        self.brightness = _factors("brightness", brightness)
        self.contrast = _factors("contrast", contrast)
        self.saturation = _factors("saturation", saturation)
        self.hue = _factors("hue", hue, center=0, low=-0.5, high=0.5)

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        n = len(images)
        factors = {
            name: draw_uniform(n, bounds, generator)
            for name in JITTERS
            if (bounds := getattr(self, name)) is not None
        }
        order = draw_orders(n, len(JITTERS), generator)
        return color_jitter(images, order, **factors)


def _factors(
    name: str,
    value: float | Sequence[float],
    center: float = 1,
    low: float = 0,
    high: float = math.inf,
) -> tuple[float, float] | None:
    """The range of the factors; ``None`` if they change nothing."""
    if isinstance(value, Real):
        check_number(name, value)
        if value < 0:
            raise ValueError(f"{name} must be at least 0, got {value}")
        value = (center - value, center + value)
        if center == 1:
            value = (max(low, value[0]), value[1])
    bounds = in_order(name, value, low, high)
    return None if bounds == (center, center) else bounds
