"""One array out of the images of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch


def stack_images(images: Sequence[np.ndarray]) -> np.ndarray:
    """(N, H, W, ch) uint8 out of N images (H, W, ch) or (H, W).

    Datasets that were one array to begin with (CIFAR, MNIST) give views of it, one after the
    other: where it has the wanted layout it is returned as it is. Otherwise the images are copied.

    Args:
        images: at least one, uint8, all of the same shape.

    Raises:
        TypeError: an image that is no uint8 array.
        ValueError: images of different shapes, or with other than 2 or 3 axes.
    """
    first = images[0]
    for i, image in enumerate(images):
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
            kind = getattr(image, "dtype", type(image).__name__)
            raise TypeError(f"images must be uint8 arrays, image {i} is {kind}")
        if image.shape != first.shape:
            raise ValueError(
                f"images must have one size, image 0 is {first.shape} and image {i} {image.shape}"
            )
    if first.ndim not in (2, 3):
        raise ValueError(f"images must be (H, W, ch) or (H, W), got {first.shape}")
    stacked = _as_one(images)
    if stacked is None:
        stacked = np.stack(images, out=np.empty((len(images), *first.shape), np.uint8))
    return stacked if first.ndim == 3 else stacked[..., None]


def _as_one(images: Sequence[np.ndarray]) -> np.ndarray | None:
    """The array that all images are views of; ``None`` if there is none in this layout."""
    first, size = images[0], images[0].nbytes
    start, whole = _address(first), _owner(first)
    for i, image in enumerate(images):
        if _address(image) != start + i * size or image.strides != first.strides:
            return None
        if _owner(image) != whole:
            return None  # neighbours by chance
    shape, strides = (len(images), *first.shape), (size, *first.strides)
    views = np.lib.stride_tricks.as_strided(first, shape, strides)
    return views if views.flags.c_contiguous else None


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _owner(array: np.ndarray) -> int:
    """Where the memory begins that the array is a part of; no two live objects share it."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    if isinstance(array.base, torch.Tensor):
        return array.base.untyped_storage().data_ptr()
    return _address(array)
