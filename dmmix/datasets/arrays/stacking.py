"""One array out of the images of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

__all__ = ["stack_images"]

_CHUNK = 4 << 20  # bytes that are copied at once


def stack_images(images: Sequence[np.ndarray], overwrite: bool = False) -> np.ndarray:
    """(N, H, W, ch) uint8 out of N images (H, W, ch) or (H, W).

    Datasets that were one array to begin with (CIFAR, MNIST) give views of it, one after the
    other. Where it has the wanted layout it is returned as it is; with ``overwrite`` another
    layout (CIFAR's channels come first) is turned in place, and the images given are then rubbish.
    Otherwise the images are copied.

    Args:
        images: at least one, uint8, all of the same shape.
        overwrite: nobody else needs the images.

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
    stacked = _as_one(images, overwrite)
    if stacked is None:
        stacked = np.empty((len(images), *first.shape), np.uint8)
        for row, image in zip(stacked, images, strict=True):
            row[...] = image
    return stacked if first.ndim == 3 else stacked[..., None]


def _as_one(images: Sequence[np.ndarray], overwrite: bool) -> np.ndarray | None:
    """The array that all images are views of; ``None`` if there is none that can be used."""
    first, size = images[0], images[0].nbytes
    start, whole = _address(first), _owner(first)
    for i, image in enumerate(images):
        if _address(image) != start + i * size or image.strides != first.strides:
            return None
        if _owner(image) != whole:
            return None  # neighbours by chance
    shape, strides = (len(images), *first.shape), (size, *first.strides)
    views = np.lib.stride_tricks.as_strided(first, shape, strides)
    if views.flags.c_contiguous:
        return views
    return _turned(views, first) if overwrite else None


def _turned(views: np.ndarray, first: np.ndarray) -> np.ndarray | None:
    """``views`` in C order, in the memory where they are; ``None`` where that is impossible."""
    whole = first if first.base is None else first.base
    usable = isinstance(whole, np.ndarray) and whole.flags.owndata and whole.flags.writeable
    if not (usable and _is_block(first)):
        return None
    begin = _address(first) - _address(whole)
    memory = whole.reshape(-1).view(np.uint8)[begin : begin + views.nbytes]
    memory = memory.reshape(len(views), first.nbytes)
    step = max(1, _CHUNK // first.nbytes)
    for at in range(0, len(views), step):
        part = np.ascontiguousarray(views[at : at + step])
        memory[at : at + step] = part.reshape(len(part), -1)
    return memory.reshape(views.shape)


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _owner(array: np.ndarray) -> int:
    """Where the memory begins that the array is a part of; no two live objects share it."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    if isinstance(array.base, torch.Tensor):
        return array.base.untyped_storage().data_ptr()
    return _address(array)


def _is_block(image: np.ndarray) -> bool:
    """Whether the bytes of an image lie together, in some order of the axes."""
    order = np.argsort(image.strides, kind="stable")[::-1]
    return image.transpose(order).flags.c_contiguous
