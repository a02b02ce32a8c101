"""Crops at random places, for whole batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from threading import get_ident
from typing import Any

import torch
from torch import Generator, Tensor

from dmmix.datasets.batch_transforms.base import BatchTransform, PerChannel, as_tuple
from dmmix.functional.ranges import Size, as_pair
from dmmix.functional.tensors.draws import to_device
from dmmix.functional.transforms import pad
from dmmix.functional.transforms.crop import Windows
from dmmix.functional.transforms.draws import draw_places
from dmmix.functional.transforms.padding import PaddingMode, four_sides
from dmmix.registry import TRANSFORMS

_KINDS = 4  # of batches whose memory is kept: the usual one, the last of an epoch, ...


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
        self._rooms: dict[tuple, tuple[Tensor, Windows]] = {}

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        windows = self._windows(images)
        height, width = windows.images.shape[-2:]
        places = draw_places(images.shape[0], (height, width), self.crop_size, generator)
        return windows.at(*to_device(places, images.device))

    def _windows(self, images: Tensor) -> Windows:
        """Those of the padded images, on a CPU in memory that the next batch of their kind takes
        again; elsewhere torch's allocator does as much."""
        options = self.crop_size, self.padding, self.pad_val, self.padding_mode
        kind = get_ident(), options, images.shape, images.stride(), images.dtype, images.device
        if kind in self._rooms and not images.requires_grad:
            inside, windows = self._rooms[kind]
            inside.copy_(images)
            return windows
        with torch.inference_mode(False):  # or it could not be written to outside of it
            padded, top, left = self._padded(images)
            windows = Windows(padded, self.crop_size)
        # What is mirrored is another border for each batch.
        stays = images.device.type == "cpu" and self.padding_mode == "constant"
        if stays and padded is not images and not padded.requires_grad:
            if len(self._rooms) == _KINDS:
                self._rooms.clear()
            height, width = images.shape[-2:]
            inside = padded[:, :, top : top + height, left : left + width]
            self._rooms[kind] = inside, windows
        return windows

    def _padded(self, images: Tensor) -> tuple[Tensor, int, int]:
        """The images with all that is added to them, and in which row and column they begin."""
        style: dict[str, Any] = dict(pad_val=self.pad_val, padding_mode=self.padding_mode)
        left, top, *_ = self.padding
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
        return images, top + down, left + across
