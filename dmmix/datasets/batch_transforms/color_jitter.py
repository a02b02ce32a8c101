"""Random changes of colour, for whole batches."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Generator, Tensor

from dmmix.datasets.batch_transforms.base import BatchTransform
from dmmix.functional.ranges import NonNegative, NonNegativeBounds
from dmmix.functional.transforms import color_jitter, draw_orders, draw_uniform
from dmmix.functional.transforms.color import JITTERS
from dmmix.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BatchColorJitter(BatchTransform):
    """Brightness, contrast and saturation of each image changed, in a random order.

    Factors and order are drawn for each image, as by mmpretrain's ``ColorJitter`` and
    torchvision's, with the arguments of the former; the hue is not changed.

    Args:
        brightness, contrast, saturation: the factor is uniform in [max(0, 1 - x), 1 + x], or in the
            range (min, max) given; 1 changes nothing. At least 0.

    A change that is always nothing (0 here) is left out. Images have 1 or 3 channels, uint8 or
    floats in [0, 1]; grey images have no saturation.
    """

    def __init__(
        self,
        brightness: NonNegative | NonNegativeBounds = 0.0,
        contrast: NonNegative | NonNegativeBounds = 0.0,
        saturation: NonNegative | NonNegativeBounds = 0.0,
    ) -> None:
        self.brightness = _factors(brightness)
        self.contrast = _factors(contrast)
        self.saturation = _factors(saturation)

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        n = len(images)
        factors = {
            name: draw_uniform(n, bounds, generator)
            for name in JITTERS
            if (bounds := getattr(self, name)) is not None
        }
        order = draw_orders(n, len(JITTERS), generator)
        return color_jitter(images, order, **factors)


def _factors(value: float | Sequence[float]) -> tuple[float, float] | None:
    """The range of the factors; ``None`` if they change nothing."""
    if not isinstance(value, Sequence):
        value = (max(0, 1 - value), 1 + value)
    bounds = float(value[0]), float(value[1])
    return None if bounds == (1, 1) else bounds
