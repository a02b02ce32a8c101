"""Crops of one size out of encoded images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np

from dmmix.datasets.crop_boxes import draw_crop_box
from dmmix.datasets.image_decoding import ImageHeader, decode, read_header, reduction, resize
from dmmix.functional.ranges import as_pair

__all__ = ["DAMAGE", "ImageCrops"]

#: What a file raises that is no image or damaged.
DAMAGE = (OSError, ValueError, SyntaxError, cv2.error)


class ImageCrops:
    """What :class:`~dmmix.datasets.DecodedImages` makes of a file; its arguments are told, and
    checked, there.

    Raises:
        ValueError: an edge that does not go with the rest.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        test_mode: bool,
        resize_edge: int | None,
        crop_ratio: float | None,
        scale: tuple[float, float],
        ratio: tuple[float, float],
        square: bool,
        interpolation: Literal["bilinear", "bicubic"],
        reduced: bool,
        backend: Literal["cv2", "pillow"],
        antialias: bool = True,
        ten_crop: bool = False,
    ) -> None:
        self.size = as_pair(size)
        self.test_mode = test_mode
        self.resize_edge = _check_edge(resize_edge, crop_ratio, max(self.size))
        self.scale, self.ratio = (scale[0], scale[1]), (ratio[0], ratio[1])
        self.square = square
        self.interpolation = interpolation
        self.reduced = reduced
        self.backend = backend
        self.antialias = antialias
        self.ten_crop = ten_crop

    def __call__(self, data: bytes, seeds: Sequence[int], name: str = "an image") -> np.ndarray:
        """A crop, (H, W, 3) uint8 RGB; or ten, (10, H, W, 3).

        Args:
            data: the encoded image.
            seeds: of the random box; the same seeds and the same image, the same box.
            name: of the file, for warnings.

        Raises:
            OSError, ValueError, SyntaxError, cv2.error: it is no image or damaged.
        """
        header = read_header(data)
        if self.test_mode:
            return self._middle(data, header, name)
        return self._random(data, header, seeds, name)

    def _random(
        self, data: bytes, header: ImageHeader, seeds: Sequence[int], name: str
    ) -> np.ndarray:
        have = (header.height, header.width)
        drawn_in = (self.resize_edge, self.resize_edge) if self.square else have
        box = draw_crop_box(*drawn_in, self.scale, self.ratio, np.random.default_rng(seeds))
        if self.square:
            box = _scaled_box(box, self.resize_edge, have)
        factor = reduction(header, box[2:], self.size) if self.reduced else 1
        image = decode(data, header, factor, self.backend, name)
        rows, columns = (
            _reduced_range(box[axis], box[axis + 2], factor, image.shape[axis]) for axis in (0, 1)
        )
        return self._resize(image[rows, columns], self.size)

    def _middle(self, data: bytes, header: ImageHeader, name: str) -> np.ndarray:
        short, edge = min(header.height, header.width), self.resize_edge
        size = (header.height * edge // short, header.width * edge // short)
        if self.square:
            size = (edge, edge)
        factor = reduction(header, (header.height, header.width), size) if self.reduced else 1
        image = self._resize(decode(data, header, factor, self.backend, name), size)
        if not self.ten_crop:
            return _crop(image, _middle_of(size, self.size), self.size)
        down, right = (have - want for have, want in zip(size, self.size, strict=True))
        starts = [(0, 0), (0, right), (down, 0), (down, right), _middle_of(size, self.size)]
        views = (image, image[:, ::-1])
        return np.stack([_crop(view, start, self.size) for view in views for start in starts])

    def _resize(self, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return resize(image, size, self.interpolation, self.antialias)

    def describe(self) -> list[str]:
        """What is made of the images, in lines."""
        if self.test_mode:
            how = f"{'square of' if self.square else 'short edge'} {self.resize_edge}, "
            how += "four corners and middle, and mirrored" if self.ten_crop else "middle"
        else:
            how = f"random box, scale={self.scale}, ratio={self.ratio}"
            how += f" of a square of {self.resize_edge}" if self.square else ""
        smooth = "" if self.antialias else ", not antialiased"
        return [
            f"Crops: \t{self.size[0]} x {self.size[1]}, {how}, {self.interpolation}{smooth}",
            f"Decoder: \t{self.backend}, reduced={self.reduced}",
        ]


def _check_edge(edge: int | None, crop_ratio: float | None, side: int) -> int:
    if crop_ratio is not None:
        if edge is not None:
            raise ValueError(f"resize_edge={edge} and crop_ratio={crop_ratio}: give one of them")
        return round(side / crop_ratio)
    edge = side * 8 // 7 if edge is None else edge
    if edge < side:
        raise ValueError(f"resize_edge={edge} is smaller than size={side}")
    return edge


def _middle_of(have: tuple[int, int], want: tuple[int, int]) -> tuple[int, int]:
    return round((have[0] - want[0]) / 2), round((have[1] - want[1]) / 2)


def _crop(image: np.ndarray, start: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    return image[start[0] : start[0] + size[0], start[1] : start[1] + size[1]]


def _scaled_box(
    box: tuple[int, int, int, int], edge: int, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """A box of a square of side ``edge``, in an image of ``size`` that was resized to it."""
    starts, lengths = [], []
    for axis in (0, 1):
        start = min(round(box[axis] * size[axis] / edge), size[axis] - 1)
        end = min(
            max(round((box[axis] + box[axis + 2]) * size[axis] / edge), start + 1), size[axis]
        )
        starts.append(start)
        lengths.append(end - start)
    return starts[0], starts[1], lengths[0], lengths[1]


def _reduced_range(start: int, length: int, factor: int, limit: int) -> slice:
    """The pixels of the reduced image that are nearest to a range of the whole one."""
    end = min(limit, max(1, round((start + length) / factor)))
    return slice(min(round(start / factor), end - 1), end)
