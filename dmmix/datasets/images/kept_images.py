"""Decoded images of any sizes, in memory or in a file that is mapped."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import IO, Any

import numpy as np
import torch
from mmengine.logging import MMLogger

from dmmix.compat.lock import Lock
from dmmix.datasets.arrays.mapped_array import MappedArray
from dmmix.datasets.images.crop_options import CropOptions
from dmmix.datasets.images.crops import DAMAGE, reductions
from dmmix.datasets.images.decode_all import bar_of_many, in_threads
from dmmix.datasets.images.decoded_cache import DecodedCache
from dmmix.datasets.images.decoding import ImageHeader, decode, read_header
from dmmix.datasets.images.reading import read_file

#: Bytes that are decoded before they are written.
_BLOCK = 64 * 2**20
_PIECE = 8
#: Columns of the index: where an image begins, its sides, whether it is a JPEG, the least and the
#: largest factor by which it is reduced.
_START, _HEIGHT, _WIDTH, _JPEG, _LEAST, _MOST = range(6)
#: In place of the start: there was no room for it, or it is damaged.
_NO_ROOM, _DAMAGED = -1, -2


class KeptImages:
    """The pixels of N images, one behind the other, each at all reductions that crops use.

    That they are those that a decoder gives at these reductions makes crops of them the same, bit
    for bit, as crops of the files; large photographs are kept at the sizes that are used alone.

    Args:
        index: (N, 6) int64.
        pixels: uint8, (bytes,). A tensor in memory is shared by workers that are forked; one that
            is sent to workers that are started otherwise goes to shared memory, once.
    """

    def __init__(self, index: np.ndarray, pixels: torch.Tensor | MappedArray) -> None:
        self._index = index
        self._pixels = pixels

    def __len__(self) -> int:
        """How many images are there."""
        return int((self._index[:, _START] >= 0).sum())

    @property
    def no_room(self) -> int:
        """For how many there was no room."""
        return int((self._index[:, _START] == _NO_ROOM).sum())

    @property
    def nbytes(self) -> int:
        """Size of the pixels."""
        return self._pixels.nbytes

    def __deepcopy__(self, memo: dict[int, Any]) -> KeptImages:
        return self  # nobody changes it, and mmengine copies datasets

    def find(self, row: int) -> tuple[ImageHeader, Callable[[int], np.ndarray | None]] | None:
        """Size of an image and, by factor, its pixels; ``None`` where they are not there."""
        start, height, width, jpeg, least, most = self._index[row].tolist()
        if start < 0:
            return None
        header = ImageHeader(height, width, 1, bool(jpeg))

        def reduced_by(factor: int) -> np.ndarray | None:
            if not least <= factor <= most:
                return None
            first, kept = start, least
            while kept < factor:
                first, kept = first + _size(header, kept), kept * 2
            flat = self._part(first, first + _size(header, factor))
            return flat.reshape(*_sides(header, factor), 3)

        return header, reduced_by

    def _part(self, start: int, end: int) -> np.ndarray:
        if isinstance(self._pixels, MappedArray):
            return self._pixels.part(start, end)
        return self._pixels[start:end].numpy()


def keep_in_memory(
    paths: Sequence[str], options: CropOptions, limit: float, title: str
) -> KeptImages:
    """Decodes images into at most ``limit`` bytes of memory, the first ones first."""
    index, ends = _plan(paths, options, limit)
    pixels = torch.empty(int(ends[-1]), dtype=torch.uint8)
    flat = pixels.numpy()
    with bar_of_many(title, len(paths)) as advance:
        _decode_into(flat, range(len(paths)), index, paths, options, advance)
    return KeptImages(index, pixels)


def keep_in_file(
    cache: DecodedCache, paths: Sequence[str], options: CropOptions, limit: float, title: str
) -> tuple[KeptImages | None, bool]:
    """The images of a file, which one process makes and the others wait for.

    Returns:
        Them, ``None`` where the file cannot be written; and whether it was there before.
    """
    there = _read(cache)
    if there is not None:
        return there, True
    lock = Lock(f"{cache.path}.lock")
    try:
        os.makedirs(os.path.dirname(cache.path), exist_ok=True)
        if (holder := lock.holder()) is not None:
            MMLogger.get_current_instance().info("%s decodes the images, this one waits", holder)
        with lock:
            if _read(cache) is None:
                index, ends = _plan(paths, options, limit)
                cache.write_by(lambda file: _fill(file, index, ends, paths, options, title))
    except OSError as error:
        cache.tell_unwritable(error)
    return _read(cache), False


def _plan(
    paths: Sequence[str], options: CropOptions, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Index (N, 6) of the images that fit, and (N + 1,) where in the pixels each of them begins.

    A file that cannot be read takes no place. Headers are read until the limit is reached.
    """
    index = np.full((len(paths), 6), _NO_ROOM, np.int64)
    sizes = np.zeros(len(paths), np.int64)

    def look(rows: range) -> None:
        if sizes.sum() > limit:
            return
        for row in rows:
            try:
                header = read_header(read_file(paths[row]))
            except DAMAGE:
                index[row, _START] = _DAMAGED
                continue
            factors = reductions(header, options)
            index[row, 1:] = (
                header.height, header.width, header.is_jpeg, factors[0], factors[-1],
            )  # fmt: skip
            sizes[row] = sum(_size(header, factor) for factor in factors)

    in_threads(look, range(len(paths)), lambda count: None)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    fits = (sizes > 0) & (ends[1:] <= limit)
    index[fits, _START] = ends[:-1][fits]
    return index, np.minimum(ends, ends[ends <= limit].max())


def _fill(
    file: IO[bytes],
    index: np.ndarray,
    ends: np.ndarray,
    paths: Sequence[str],
    options: CropOptions,
    title: str,
) -> None:
    np.lib.format.write_array(file, index, version=(1, 0))
    described = dict(descr="|u1", fortran_order=False, shape=(max(1, int(ends[-1])),))
    np.lib.format.write_array_header_1_0(file, described)
    blocks = np.searchsorted(ends, np.arange(0, ends[-1], _BLOCK))
    bounds = sorted({0, *blocks.tolist(), len(paths)})
    with bar_of_many(title, len(paths)) as advance:
        for first, end in pairwise(bounds):
            flat = np.zeros(int(ends[end] - ends[first]), np.uint8)
            _decode_into(flat, range(first, end), index, paths, options, advance)
            file.write(flat.data)
    if not ends[-1]:
        file.write(b"\0")  # nothing cannot be mapped
    file.seek(0)
    np.lib.format.write_array(file, index, version=(1, 0))  # without those that are damaged


def _decode_into(
    flat: np.ndarray,
    rows: range,
    index: np.ndarray,
    paths: Sequence[str],
    options: CropOptions,
    advance: Callable[[int], None],
) -> None:
    """Pixels of some images; those that are damaged are taken out of the index."""
    starts = index[rows.start : rows.stop, _START]
    offset = int(starts[starts >= 0].min()) if (starts >= 0).any() else 0

    def work(piece: range) -> None:
        for row in piece:
            start, height, width, jpeg, least, most = index[row].tolist()
            if start < 0:
                continue
            first, factor = start - offset, least
            try:
                data = read_file(paths[row])
                header = read_header(data)
                if (header.height, header.width, header.is_jpeg) != (height, width, bool(jpeg)):
                    raise ValueError("it has changed")
                while factor <= most:
                    image = decode(data, header, factor, options.backend, paths[row])
                    part = flat[first : first + image.size]
                    part.reshape(image.shape)[:] = image
                    first, factor = first + image.size, factor * 2
            except DAMAGE:
                index[row, _START] = _DAMAGED

    in_threads(work, rows, advance, _PIECE)


def _read(cache: DecodedCache) -> KeptImages | None:
    """What a file has; ``None`` where it is not there, or not whole."""
    try:
        with open(cache.path, "rb") as file:
            index = np.lib.format.read_array(file, allow_pickle=False)
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            if index.shape != (cache.count, 6) or dtype != np.uint8 or len(shape) != 1:
                return None
            return KeptImages(index, MappedArray(file, file.tell(), shape, dtype))
    except (OSError, ValueError):
        return None


def _sides(header: ImageHeader, factor: int) -> tuple[int, int]:
    return -(-header.height // factor), -(-header.width // factor)


def _size(header: ImageHeader, factor: int) -> int:
    height, width = _sides(header, factor)
    return 3 * height * width
