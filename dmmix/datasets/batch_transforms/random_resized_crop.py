"""Crops of random size and shape, resized, for whole batches."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Generator, Tensor

from dmmix.datasets.batch_transforms.base import BatchTransform
from dmmix.datasets.batch_transforms.checks import height_and_width, in_order
from dmmix.functional.mixing import to_device
from dmmix.functional.transforms import draw_resized_crops, resized_crop
from dmmix.functional.transforms.resized_crop import INTERPOLATIONS, Interpolation
from dmmix.registry import TRANSFORMS

__all__ = ["BatchRandomResizedCrop"]


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

    Raises:
        TypeError, ValueError: an argument of a wrong type or value.
    """

    def __init__(
        self,
        scale: int | Sequence[int],
        crop_ratio_range: tuple[float, float] = (0.08, 1.0),
        aspect_ratio_range: tuple[float, float] = (3 / 4, 4 / 3),
        max_attempts: int = 10,
        interpolation: Interpolation = "bilinear",
    ) -> None:
        self.scale = height_and_width("scale", scale)
        self.crop_ratio_range = in_order("crop_ratio_range", crop_ratio_range, 0)
        self.aspect_ratio_range = in_order("aspect_ratio_range", aspect_ratio_range, 0)
        if not self.aspect_ratio_range[0] > 0:
            raise ValueError(f"aspect_ratio_range must be above 0, got {aspect_ratio_range}")
        if type(max_attempts) is not int or max_attempts < 0:
            raise ValueError(f"max_attempts must be an integer of at least 0, got {max_attempts!r}")
        self.max_attempts = max_attempts
        if interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"interpolation must be one of {INTERPOLATIONS}, got {interpolation!r}"
            )
        self.interpolation = interpolation

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        boxes = draw_resized_crops(
            len(images),
            images.shape[-2:],
            self.crop_ratio_range,
            self.aspect_ratio_range,
            self.max_attempts,
            generator,
        )
        (boxes,) = to_device([boxes], images.device)
        return resized_crop(images, boxes, self.scale, self.interpolation, check=False)
