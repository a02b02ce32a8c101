"""Boxes of images painted over, for whole batches: Cutout, random erasing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Annotated, Literal

from torch import Generator, Tensor

from dmmix.datasets.batch_transforms.base import BatchTransform, PerChannel, as_tuple
from dmmix.functional.ranges import (
    Filled,
    NonNegative,
    Positive,
    PositiveBounds,
    Probability,
    Size,
    as_pair,
)
from dmmix.functional.tensors.draws import to_device
from dmmix.functional.tensors.layout import replace, take
from dmmix.functional.transforms import (
    draw_cutouts,
    draw_erasings,
    draw_noise_like,
    draw_uniform,
    erase,
)
from dmmix.functional.transforms.checks import per_channel
from dmmix.registry import TRANSFORMS

#: Above this, a fill is hardly meant in standard deviations.
_FAR = 10


@TRANSFORMS.register_module()
class BatchCutout(BatchTransform):
    """A box of fixed size of each image painted over; its centre may be anywhere in the image.

    What lies outside of the image is cut off, as in the paper. The arguments are those of
    mmpretrain's ``Cutout``, which moves boxes that begin above or left of the image into it.

    Args:
        shape: (height, width) of the box, or both as one integer.
        pad_val: what is painted: a number, or one for each channel, in the units of the images.
        prob: of painting, in [0, 1]; 1 in the paper.

    Source: Cutout (arXiv 1708.04552).
    """

    def __init__(self, shape: Size, pad_val: PerChannel = 128, prob: Probability = 0.5) -> None:
        self.shape = as_pair(shape)
        self.pad_val = as_tuple(pad_val)
        self.prob = prob

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        n = len(images)
        chosen = draw_uniform(n, (0, 1), generator) < self.prob
        height, width = images.shape[-2:]
        boxes = draw_cutouts(n, (height, width), self.shape, generator)
        # A box without pixels leaves the image as it is.
        (boxes,) = to_device([boxes * chosen[:, None]], images.device)
        return erase(images, boxes, self.pad_val, check=False)


@TRANSFORMS.register_module()
class BatchRandomErasing(BatchTransform):
    """A box of random area, aspect ratio and place of each image painted over.

    It sees **normalised images** (as timm's does), so what it paints is in standard deviations and
    0 is the mean. mmpretrain's ``RandomErasing`` works on bytes: its ``fill_color=mean,
    fill_std=std`` is ``fill_color=0, fill_std=1`` here, the default. The boxes are those of
    mmpretrain, whose other arguments it has.

    Args:
        erase_prob: of painting, in [0, 1].
        min_area_ratio: lowest area of the box, as a share of the image.
        max_area_ratio: highest.
        aspect_range: lowest and highest ratio of the box's height and width; one number r stands
            for r and 1 / r.
        mode: ``'const'`` paints ``fill_color``; ``'rand'`` paints noise, each number drawn from a
            normal distribution (timm's ``'pixel'``).
        fill_color: a number, or one for each channel; the mean of the noise.
        fill_std: the standard deviation of the noise, a number or one for each channel.

    Noise for images on a GPU is drawn there, so a seed gives other noise on it than on a CPU; the
    boxes are the same.

    Raises:
        TypeError, ValueError: an argument of a wrong type or value; for a batch, images that are
            not floating point.

    Source: Random Erasing (arXiv 1708.04896).
    """

    after_normalize = True

    def __init__(
        self,
        erase_prob: Probability = 0.5,
        min_area_ratio: Probability = 0.02,
        max_area_ratio: Probability = 0.4,
        aspect_range: Positive | PositiveBounds = (3 / 10, 10 / 3),
        mode: Literal["const", "rand"] = "const",
        fill_color: PerChannel = 0,
        fill_std: NonNegative | Annotated[Sequence[NonNegative], Filled()] = 1,
    ) -> None:
        if min_area_ratio > max_area_ratio:
            raise ValueError(
                f"min_area_ratio must be at most max_area_ratio={max_area_ratio}, got "
                f"{min_area_ratio}"
            )
        self.erase_prob = erase_prob
        self.min_area_ratio = float(min_area_ratio)
        self.max_area_ratio = float(max_area_ratio)
        self.aspect_range = _aspects(aspect_range)
        self.mode = mode
        self.fill_color = as_tuple(fill_color)
        self.fill_std = as_tuple(fill_std)
        if max(map(abs, (*_listed(self.fill_color), *_listed(self.fill_std)))) > _FAR:
            warnings.warn(
                f"BatchRandomErasing(fill_color={fill_color}, fill_std={fill_std}) paints on "
                "normalised images, in standard deviations: for mmpretrain's fill_color=mean, "
                "fill_std=std leave both out",
                stacklevel=2,
            )

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        if not images.is_floating_point():
            raise TypeError(
                f"BatchRandomErasing paints on normalised images, floats, got {images.dtype}"
            )
        n = len(images)
        chosen = draw_uniform(n, (0, 1), generator) < self.erase_prob
        height, width = images.shape[-2:]
        boxes = draw_erasings(
            n,
            (height, width),
            (self.min_area_ratio, self.max_area_ratio),
            self.aspect_range,
            generator,
        )
        if self.mode == "const":
            # A box without pixels leaves the image as it is.
            (boxes,) = to_device([boxes * chosen[:, None]], images.device)
            return erase(images, boxes, self.fill_color, check=False)
        # Noise is dear: only for the images that get some.
        index = chosen.nonzero()[:, 0]
        index, boxes = to_device([index, boxes[index]], images.device)
        some = take(images, index)
        noise = draw_noise_like(some, generator)
        color, std = _broadcast(self.fill_color, images), _broadcast(self.fill_std, images)
        some = erase(some, boxes, noise.mul_(std).add_(color), check=False)
        return replace(images, index, some)


def _broadcast(value: float | tuple[float, ...], images: Tensor) -> float | Tensor:
    if isinstance(value, tuple):
        return per_channel("fill_color and fill_std", value, images)[:, None, None]
    return value


def _aspects(value: float | tuple[float, float]) -> tuple[float, float]:
    low, high = value if isinstance(value, Sequence) else sorted((value, 1 / value))
    return float(low), float(high)


def _listed(value: float | tuple[float, ...]) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,)
