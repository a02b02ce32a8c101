"""Random changes of colour, for whole batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from torch import Generator, Tensor

from dmmix.datasets.batch_transforms.base import BatchTransform
from dmmix.functional.ranges import Ascending, NonNegative, NonNegativeBounds, Range
from dmmix.functional.transforms import color_jitter, draw_orders, draw_uniform
from dmmix.functional.transforms.color import JITTERS
from dmmix.registry import TRANSFORMS

__all__ = ["BatchColorJitter"]

_Shift = Annotated[float, Range(-0.5, 0.5)]


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
        brightness: NonNegative | NonNegativeBounds = 0.0,
        contrast: NonNegative | NonNegativeBounds = 0.0,
        saturation: NonNegative | NonNegativeBounds = 0.0,
        hue: Annotated[float, Range(0, 0.5)] | Annotated[tuple[_Shift, _Shift], Ascending()] = 0.0,
    ) -> None:
        self.brightness = _factors(brightness)
        self.contrast = _factors(contrast)
        self.saturation = _factors(saturation)
        self.hue = _factors(hue, center=0, low=-0.5)

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
    value: float | Sequence[float], center: float = 1, low: float = 0
) -> tuple[float, float] | None:
    """The range of the factors; ``None`` if they change nothing."""
    if not isinstance(value, Sequence):
        value = (max(low, center - value), center + value)
    bounds = float(value[0]), float(value[1])
    return None if bounds == (center, center) else bounds
