"""Many small image files into one array."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import numpy as np

from dmmix.datasets.images.crops import DAMAGE
from dmmix.datasets.images.decoding import decode, read_header
from dmmix.datasets.images.reading import read_file
from dmmix.datasets.preparation.progress import bar

_MANY = 1000  # fewer are there before anybody looks
_PIECE = 64


def decode_all(
    paths: Sequence[str],
    size: tuple[int, int],
    backend: Literal["cv2", "pillow"] = "cv2",
    title: str = "decoding",
) -> tuple[np.ndarray, dict[int, str]]:
    """Images (N, H, W, 3) uint8 RGB, decoded by threads, with a progress bar if they are many.

    Each of the N files must have the ``size`` (height, width). There is a thread for each CPU, 16
    at most, and no progress bar without a ``title``.

    Returns:
        The images, and for each row that could not be decoded (it is 0) the reason.
    """
    images = np.zeros((len(paths), *size, 3), np.uint8)
    wrong: dict[int, str] = {}

    def work(rows: range) -> None:
        for row in rows:
            try:
                data = read_file(paths[row])
                image = decode(data, read_header(data), 1, backend, paths[row])
                if image.shape[:2] != size:
                    raise ValueError(f"it is {image.shape[0]} x {image.shape[1]}, not {size}")
                images[row] = image
            except DAMAGE as error:
                wrong[row] = f"{paths[row]} is no image or damaged: {error}"

    with bar_of_many(title, len(paths)) as advance:
        in_threads(work, range(len(paths)), advance)
    return images, dict(sorted(wrong.items()))


def in_threads(
    work: Callable[[range], None], rows: range, advance: Callable[[int], None], piece: int = 0
) -> None:
    """Pieces of the rows, the first ones first, by a thread for each CPU, 16 at most."""
    threads, piece = min(16, os.cpu_count() or 1), piece or _PIECE
    pieces = [rows[start : start + piece] for start in range(0, len(rows), piece)]
    with ThreadPoolExecutor(threads) as pool:
        for done, _ in zip(pieces, pool.map(work, pieces), strict=True):
            advance(len(done))


def bar_of_many(title: str, count: int) -> AbstractContextManager[Callable[[int], None]]:
    """A progress bar if they are many and there is a title."""
    if title and count > _MANY:
        return bar(title, count, bytes_=False)
    return nullcontext(lambda count: None)
