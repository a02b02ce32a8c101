"""Noise that compresses like photographs."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np


def noise_photographs(count: int, height: int, width: int) -> Iterator[np.ndarray]:
    """Images (height, width, 3) uint8 of coarse noise and some fine, always the same.

    As JPEG of quality 90 they have about the size that photographs have.
    """
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 24, (height, width, 3), dtype=np.uint8)
    for k in range(count):
        coarse = rng.integers(0, 232, (30, 40, 3), dtype=np.uint8)
        yield cv2.resize(coarse, (width, height)) + np.roll(fine, k, axis=1)
