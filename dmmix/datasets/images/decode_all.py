"""Many small image files into one array."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
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

    def work(start: int) -> int:
        end = min(start + _PIECE, len(paths))
        for row in range(start, end):
            try:
                data = read_file(paths[row])
                image = decode(data, read_header(data), 1, backend, paths[row])
                if image.shape[:2] != size:
                    raise ValueError(f"it is {image.shape[0]} x {image.shape[1]}, not {size}")
                images[row] = image
            except DAMAGE as error:
                wrong[row] = f"{paths[row]} is no image or damaged: {error}"
        return end - start

    threads = min(16, os.cpu_count() or 1)
    starts = range(0, len(paths), _PIECE)
    shows = title and len(paths) > _MANY
    progress = bar(title, len(paths), bytes_=False) if shows else nullcontext(lambda count: None)
    with progress as advance, ThreadPoolExecutor(threads) as pool:
        for count in pool.map(work, starts):
            advance(count)
    return images, dict(sorted(wrong.items()))
