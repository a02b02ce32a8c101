"""A box of each image, resized to one size."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.functional.tensors.layout import like
from dmmix.functional.tensors.resampling import resample, resampling_weights
from dmmix.functional.tensors.spans import whole
from dmmix.functional.transforms.checks import check_boxes, check_images

Interpolation = Literal["bilinear", "bicubic"]
INTERPOLATIONS = ("bilinear", "bicubic")


def resized_crop(
    images: Tensor,
    boxes: Tensor,
    size: tuple[int, int],
    interpolation: Interpolation = "bilinear",
    *,
    check: bool | None = None,
) -> Tensor:
    """The box of each image, resized with antialiasing.

    What ``torchvision.transforms.v2.functional.resized_crop(..., antialias=True)`` does with each
    image, for a batch in which each has a box of its own. Computed in float32 at least; of bytes,
    the result is rounded to the nearest.

    Args:
        images: (N, ch, H, W), uint8 or any float dtype, device and memory format; not written to.
        boxes: (N, 4) integers (top, left, height, width), inside the image and with at least one
            pixel, on the device of the images. See :func:`draw_resized_crops`.
        size: (height, width) of the result.
        interpolation: ``'bilinear'`` or ``'bicubic'``.
        check: look whether all boxes lie inside. ``None``: on the CPU only, elsewhere it would
            wait for the device.

    Returns:
        (N, ch, height, width) of ``size``, the dtype and memory format of the images.

    Raises:
        TypeError, ValueError: an argument of a wrong type, shape or value.
    """
    check_images(images)
    check_boxes(boxes, images, check, smallest=1)
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation must be one of {INTERPOLATIONS}, got {interpolation!r}")
    if min(size) < 1:
        raise ValueError(f"size must be at least 1 x 1, got {size}")
    first, side = boxes[:, :2], boxes[:, 2:]
    weights = []
    for axis in (0, 1):
        source = (first[:, axis], first[:, axis] + side[:, axis])
        lengths = (images.shape[2 + axis], size[axis])
        weights.append(
            resampling_weights(
                source, whole(source[0], size[axis]), lengths, share_dtype(images), interpolation
            )
        )
    resized = resample(images, *weights)
    if images.dtype == torch.uint8:
        resized = resized.round_().clamp_(0, 255)
    return like(images, resized)
