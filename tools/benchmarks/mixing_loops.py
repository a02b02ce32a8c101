"""Mixes one sample at a time in NumPy, OpenCV and PyMaxflow, as they are usually written.

Each is written from its paper for the benchmark: what our batched form is compared with, and in
the tests also its check. All take (N, ch, H, W) float32 arrays, leave them alone and return the
mixed images and the (N,) shares of the first image.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

Mixed = tuple[np.ndarray, np.ndarray]

GRID = 4
LUMA = (0.299, 0.587, 0.114)
SURROUNDS = (12, 24, 48, 28, 56, 112)


def fmix(images: np.ndarray, lam: np.ndarray, index: np.ndarray, noise: np.ndarray) -> Mixed:
    """FMix; ``noise`` is (N, H, W // 2 + 1), complex."""
    mixed, shares = images.copy(), np.empty(len(images))
    height, width = images.shape[-2:]
    for i, j in enumerate(index):
        y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
        lowest = 1 / max(height, width)
        spectrum = noise[i] / np.maximum(np.sqrt(y**2 + x**2), lowest) ** 3
        # Frequencies that stand with their conjugate in this half: the transform takes the mean.
        spectrum[:, x == 0] *= np.sqrt(2)
        if width % 2 == 0:
            spectrum[:, -1] *= np.sqrt(2)
        field = np.fft.irfft2(spectrum, (height, width)).ravel()
        number = int(np.round(lam[i] * field.size))
        partner = np.argsort(-field, kind="stable")[number:]
        mixed[i].reshape(-1, field.size)[:, partner] = images[j].reshape(-1, field.size)[:, partner]
        shares[i] = number / field.size
    return mixed, shares


def saliencymix(images: np.ndarray, lam: np.ndarray, index: np.ndarray) -> Mixed:
    """SaliencyMix: a box around the most salient pixel of the partner."""
    mixed, shares = images.copy(), np.empty(len(images))
    height, width = images.shape[-2:]
    for i, j in enumerate(index):
        peak = np.unravel_index(fine_grained(images[j]).argmax(), (height, width))
        box = []
        for middle, length in zip(peak, (height, width), strict=True):
            side = int(np.round(np.sqrt(1 - lam[i]) * length))
            start = int(middle) - side // 2
            box.append(slice(max(start, 0), min(start + side, length)))
        rows, columns = box
        mixed[i, :, rows, columns] = images[j, :, rows, columns]
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        shares[i] = 1 - area / (height * width)
    return mixed, shares


def fine_grained(image: np.ndarray) -> np.ndarray:
    """(H, W) fine-grained saliency of a (3, H, W) image: OpenCV's where it has it (only its contrib
    package does), else the same in NumPy."""
    if hasattr(cv2, "saliency"):
        low, high = image.min(), image.max()
        scaled = (image[::-1].transpose(1, 2, 0) - low) * (255 / max(high - low, 1e-12))
        detector = cv2.saliency.StaticSaliencyFineGrained_create()
        return detector.computeSaliency(scaled.astype(np.uint8))[1]
    gray = np.tensordot(LUMA, image.astype(np.float64), 1)
    smooth = np.array([1, 4, 6, 4, 1]) / 16
    gray = cv2.sepFilter2D(gray, cv2.CV_64F, smooth, smooth, borderType=cv2.BORDER_REFLECT_101)
    height, width = gray.shape
    integral = cv2.integral(gray, sdepth=cv2.CV_64F)
    on, off = np.zeros_like(gray), np.zeros_like(gray)
    for r in SURROUNDS:
        top, bottom = _around(height, r)
        left, right = _around(width, r)
        lower, upper = integral[bottom], integral[top]
        total = lower[:, right] - lower[:, left] - upper[:, right] + upper[:, left]
        area = (bottom - top)[:, None] * (right - left)
        difference = gray - (total - gray) / np.maximum(area - 1, 1)
        on += np.maximum(difference, 0)
        off += np.maximum(-difference, 0)
    return on / max(on.max(), 1e-12) + off / max(off.max(), 1e-12)


def _around(length: int, r: int) -> tuple[np.ndarray, np.ndarray]:
    at = np.arange(length)
    return np.maximum(at - r + 1, 0), np.minimum(at + r + 1, length)


def gridmix(images: np.ndarray, lam: np.ndarray, index: np.ndarray, cells: np.ndarray) -> Mixed:
    """GridMix; ``cells`` is (N, rows, columns), uniform in [0, 1)."""
    mixed, shares = images.copy(), np.ones(len(images))
    height, width = images.shape[-2:]
    rows, columns = (
        -(-np.arange(number + 1) * length // number)  # rounded up
        for number, length in zip(cells.shape[1:], (height, width), strict=True)
    )
    for i, j in enumerate(index):
        for r in range(cells.shape[1]):
            for c in range(cells.shape[2]):
                if cells[i, r, c] < lam[i]:
                    continue
                y, x = slice(rows[r], rows[r + 1]), slice(columns[c], columns[c + 1])
                mixed[i, :, y, x] = images[j, :, y, x]
                area = (rows[r + 1] - rows[r]) * (columns[c + 1] - columns[c])
                shares[i] -= area / (height * width)
    return mixed, shares


def puzzlemix(
    images: np.ndarray,
    lam: np.ndarray,
    index: np.ndarray,
    saliency: np.ndarray,
    block_num: int = 4,
) -> Mixed:
    """PuzzleMix with a graph cut for each sample: the reference of the tests."""
    root = str(Path(__file__).resolve().parents[2])
    if root not in sys.path:
        sys.path.insert(0, root)
    from tests.functional.mixing import puzzle_reference

    mixed, _, masks = puzzle_reference.puzzlemix(images, lam, index, saliency, block_num=block_num)
    return mixed, masks.mean((1, 2))


def _drawn_fmix(images: np.ndarray, rng: np.random.Generator) -> Mixed:
    n, _, height, width = images.shape
    noise = rng.standard_normal((2, n, height, width // 2 + 1))
    return fmix(images, *_pairs(n, rng), noise[0] + 1j * noise[1])


def _drawn_saliencymix(images: np.ndarray, rng: np.random.Generator) -> Mixed:
    return saliencymix(images, *_pairs(len(images), rng))


def _drawn_gridmix(images: np.ndarray, rng: np.random.Generator) -> Mixed:
    return gridmix(images, *_pairs(len(images), rng), rng.random((len(images), GRID, GRID)))


def _drawn_puzzlemix(images: np.ndarray, rng: np.random.Generator, block_num: int = 4) -> Mixed:
    # The saliency is given, as it is to ours: only the two ways to mix are compared.
    saliency = _given_saliency(images.shape)
    return puzzlemix(images, *_pairs(len(images), rng), saliency, block_num)


@functools.cache
def _given_saliency(shape: tuple[int, ...]) -> np.ndarray:
    n, _, height, width = shape
    return np.random.default_rng(1).random((n, height, width), dtype=np.float32)


def _pairs(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.beta(1, 1, n), rng.permutation(n)


#: By the name of the mix, the loop with what is random drawn from a generator.
DRAWN: dict[str, Callable[..., Mixed]] = {
    "FMix": _drawn_fmix,
    "SaliencyMix": _drawn_saliencymix,
    "GridMix": _drawn_gridmix,
    "PuzzleMix": _drawn_puzzlemix,
}
