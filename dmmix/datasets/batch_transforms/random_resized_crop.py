"""Crops of random size and shape, resized, for whole batches."""

from __future__ import annotations

from typing import Annotated

from torch import Generator, Tensor

from dmmix.datasets.batch_transforms.base import BatchTransform
from dmmix.functional.ranges import NonNegativeBounds, PositiveBounds, Range, Size, as_pair
from dmmix.functional.tensors.draws import to_device
from dmmix.functional.transforms import draw_resized_crops, resized_crop
from dmmix.functional.transforms.resized_crop import Interpolation
from dmmix.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BatchRandomResizedCrop(BatchTransform):
    """A box of random area, aspect ratio and place of each image, resized to one size.

    The boxes of mmpretrain's ``RandomResizedCrop`` and torchvision's, with the arguments of the
    former; resized with antialiasing, as Pillow (``backend='pillow'``) and torchvision do.

    Args:
        scale: (height, width) of the result, or both as one integer.
        crop_ratio_range: lowest and highest area of the box, as a share of the image.
        aspect_ratio_range: lowest and highest ratio of the box's width and height.
        max_attempts: boxes drawn until one fits into the image; if none does, the largest one in
            the middle is taken.
        interpolation: ``'bilinear'`` or ``'bicubic'``.
    """

    def __init__(
        self,
        scale: Size,
        crop_ratio_range: NonNegativeBounds = (0.08, 1.0),
        aspect_ratio_range: PositiveBounds = (3 / 4, 4 / 3),
        max_attempts: Annotated[int, Range(0)] = 10,
        interpolation: Interpolation = "bilinear",
    ) -> None:
        self.scale = as_pair(scale)
        self.crop_ratio_range = float(crop_ratio_range[0]), float(crop_ratio_range[1])
        self.aspect_ratio_range = float(aspect_ratio_range[0]), float(aspect_ratio_range[1])
        self.max_attempts = max_attempts
        self.interpolation = interpolation

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        height, width = images.shape[-2:]
        boxes = draw_resized_crops(
            len(images),
            (height, width),
            self.crop_ratio_range,
            self.aspect_ratio_range,
            self.max_attempts,
            generator,
        )
        (boxes,) = to_device([boxes], images.device)
        return resized_crop(images, boxes, self.scale, self.interpolation, check=False)
