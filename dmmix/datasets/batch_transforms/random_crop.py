"""Crops at random places, for whole batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Generator, Tensor

from dmmix.datasets.batch_transforms.base import BatchTransform
from dmmix.datasets.batch_transforms.options import PerChannel, as_tuple
from dmmix.functional.ranges import Size, as_pair
from dmmix.functional.tensors.draws import to_device
from dmmix.functional.transforms import crop, draw_crops, pad
from dmmix.functional.transforms.padding import PaddingMode, four_sides
from dmmix.registry import TRANSFORMS

__all__ = ["BatchRandomCrop"]


@TRANSFORMS.register_module()
class BatchRandomCrop(BatchTransform):
    """A window of each image, at a place of its own; all places are equally likely.

    The crops of mmpretrain's ``RandomCrop`` and torchvision's, with the same arguments as the
    former.

    Args:
        crop_size: (height, width) of the window, or both as one integer.
        padding: pixels added on all sides first; or (left and right, top and bottom); or (left,
            top, right, bottom).
        pad_if_needed: add to images that are smaller than ``crop_size`` what is missing, half of it
            on each side (rounded up); otherwise such images are an error.
        pad_val: what is added in the mode ``'constant'``: a number, or one for each channel, in
            the units of the images.
        padding_mode: ``'constant'``, ``'edge'``, ``'reflect'`` or ``'symmetric'``, see
            :func:`dmmix.functional.transforms.pad`. It holds for all that is added (mmpretrain's
            ``padding`` is always constant).

    Raises:
        TypeError, ValueError: an argument of a wrong type or value; for a batch, images that are
            too small.
    """

    def __init__(
        self,
        crop_size: Size,
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        pad_val: PerChannel = 0,
        padding_mode: PaddingMode = "constant",
    ) -> None:
        self.crop_size = as_pair(crop_size)
        self.padding = four_sides(0 if padding is None else padding)
        self.pad_if_needed = pad_if_needed
        self.pad_val = as_tuple(pad_val)
        self.padding_mode = padding_mode

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        style: dict[str, Any] = dict(pad_val=self.pad_val, padding_mode=self.padding_mode)
        images = pad(images, self.padding, **style)
        height, width = images.shape[-2:]
        down, across = (
            math.ceil(max(0, want - have) / 2)
            for want, have in zip(self.crop_size, (height, width), strict=True)
        )
        if down or across:
            if not self.pad_if_needed:
                raise ValueError(
                    f"crop_size {self.crop_size} does not fit into images of {height} x {width} "
                    "(with padding); pad_if_needed=True adds what is missing"
                )
            images = pad(images, (across, down), **style)
            height, width = images.shape[-2:]
        corners = draw_crops(len(images), (height, width), self.crop_size, generator)
        (corners,) = to_device([corners], images.device)
        return crop(images, corners, self.crop_size, check=False)
