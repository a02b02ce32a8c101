"""Images flipped, or not, each as it is said."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dmmix.functional.tensors.checks import check_tensor
from dmmix.functional.tensors.layout import as_planes, from_planes
from dmmix.functional.transforms.checks import check_images

Direction = Literal["horizontal", "vertical", "diagonal"]
#: The dimensions of (planes, H, W, k) that each direction turns round.
DIRECTIONS = {"horizontal": (2,), "vertical": (1,), "diagonal": (1, 2)}


def flip(images: Tensor, flipped: Tensor, direction: Direction = "horizontal") -> Tensor:
    """The chosen images flipped.

    Args:
        images: (N, ch, H, W), uint8 or any float dtype, device and memory format; not written to.
        flipped: (N,) bool, which images to flip, on the device of the images.
        direction: ``'horizontal'`` (left and right change places), ``'vertical'`` or
            ``'diagonal'`` (both).

    Returns:
        (N, ch, H, W), the dtype and memory format of the images.

    Raises:
        TypeError, ValueError: an argument of a wrong type, shape or value.
    """
    check_images(images)
    check_tensor("flipped", flipped, (images.shape[0],), images)
    if flipped.dtype != torch.bool:
        raise TypeError(f"flipped must be bool, got {flipped.dtype}")
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be one of {tuple(DIRECTIONS)}, got {direction!r}")
    n, per_image = images.shape[0], images[:1].numel()
    planes = as_planes(images)
    # Whole images are picked out of both kinds, in runs of memory: torch.where would go pixel by
    # pixel, with three times the time on a CPU.
    both = torch.cat((planes, planes.flip(DIRECTIONS[direction]))).view(2 * n, per_image)
    index = torch.arange(n, device=images.device).add_(flipped, alpha=n)
    return from_planes(both.index_select(0, index).view(planes.shape), images)
