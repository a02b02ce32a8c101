"""Crops of one size out of encoded images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from PIL import Image

from dmmix.datasets.images.crop_options import CropOptions
from dmmix.datasets.images.decoding import ImageHeader, decode, read_header, reduction, resize

#: What a file raises that is no image or damaged.
DAMAGE = (OSError, ValueError, SyntaxError, cv2.error, Image.DecompressionBombError)
_ATTEMPTS = 10
_LONGEST = 16  # sides, one as many times the other, before the ends are cut off


def image_crop(
    data: bytes, options: CropOptions, seeds: Sequence[int], name: str = "an image"
) -> np.ndarray:
    """A crop of an encoded image, (H, W, 3) uint8 RGB; or ten, (10, H, W, 3).

    The same seeds and the same image, the same random box; ``name`` of the file is for warnings.
    Raises one of ``DAMAGE`` where it is no image or damaged.
    """
    header = read_header(data)
    return crop_of(
        header, lambda factor: decode(data, header, factor, options.backend, name), options, seeds
    )


def named_crop(data: bytes, options: CropOptions, name: str) -> np.ndarray:
    """The crop for testing of an encoded image, (3, H, W) uint8 RGB, or (10, 3, H, W).

    Raises ValueError with the name where it is no image or damaged.
    """
    try:
        return channels_first(image_crop(data, options, (), name))
    except DAMAGE as error:
        raise ValueError(f"{name} is no image or damaged: {error}") from error


def crop_of(
    header: ImageHeader,
    decoded_by: Callable[[int], np.ndarray],
    options: CropOptions,
    seeds: Sequence[int],
) -> np.ndarray:
    """The same of an image that ``decoded_by(factor)`` gives at ``1 / factor`` of its size."""
    have = (header.height, header.width)

    def decoded(part: tuple[int, int], size: tuple[int, int]) -> tuple[np.ndarray, int]:
        """The image, whose ``part`` (height, width) is to be of ``size``; and its reduction."""
        factor = reduction(header, part, size) if options.reduced else 1
        return decoded_by(factor), factor

    if not options.test_mode:
        box = _draw_box(options, have, seeds)
        image, factor = decoded(box[2:], options.size)
        rows, columns = (
            _reduced_range(box[axis], box[axis + 2], factor, image.shape[axis]) for axis in (0, 1)
        )
        part = image[rows, columns]
        return resize(part, options.size, options.interpolation, options.antialias)
    size = options.resized(have)
    return crop_for_test(decoded(have, size)[0], options, size)


def crop_for_test(image: np.ndarray, options: CropOptions, size: tuple[int, int]) -> np.ndarray:
    """The crop for testing of an image, or ten, that is resized to ``size``, (H, W, 3) uint8."""
    if max(image.shape[:2]) > _LONGEST * min(image.shape[:2]) and not (
        options.square or options.ten_crop
    ):
        # All of it resized would be of thousands of pixels, of which the middle is used.
        most = _LONGEST * min(image.shape[:2])
        image = _middle(image, (min(image.shape[0], most), min(image.shape[1], most)))
        size = options.resized((image.shape[0], image.shape[1]))
    image = resize(image, size, options.interpolation, options.antialias)
    return _ten_crops(image, options.size) if options.ten_crop else _middle(image, options.size)


def reductions(header: ImageHeader, options: CropOptions) -> list[int]:
    """The factors by which crops of an image are reduced when it is decoded, the smallest first."""
    have = (header.height, header.width)
    if not options.reduced:
        return [1]
    if options.test_mode:
        return [reduction(header, have, options.resized(have))]
    # Sides of the smallest box, a pixel less for what is rounded; the largest is the whole image.
    least = [
        math.sqrt(options.scale[0] * shape) for shape in (1 / options.ratio[1], options.ratio[0])
    ]
    if not options.square:
        side = math.sqrt(have[0] * have[1])
        sides = [min(side * share, most) for share, most in zip(least, have, strict=True)]
    else:
        sides = [share * most for share, most in zip(least, have, strict=True)]
    low = reduction(header, (int(sides[0]) - 1, int(sides[1]) - 1), options.size)
    high = reduction(header, have, options.size)
    return [factor for factor in (1, 2, 4, 8) if low <= factor <= high]


def channels_first(image: np.ndarray) -> np.ndarray:
    """(..., H, W, 3) uint8 as (..., 3, H, W), contiguous; a view where that is how it lies."""
    if image.ndim != 3 or image.strides[2] != 1:
        return np.ascontiguousarray(np.moveaxis(image, -1, -3))
    planes = np.empty((3, *image.shape[:2]), np.uint8)
    cv2.split(image, list(planes))  # three times as fast as NumPy's copy
    return planes


def _draw_box(
    options: CropOptions, have: tuple[int, int], seeds: Sequence[int]
) -> tuple[int, int, int, int]:
    rng = np.random.default_rng(seeds)
    if not options.square:
        return draw_crop_box(*have, options.scale, options.ratio, rng)
    box = draw_crop_box(options.edge, options.edge, options.scale, options.ratio, rng)
    return _scaled_box(box, options.edge, have)


def _middle(image: np.ndarray, want: tuple[int, int]) -> np.ndarray:
    top, left = (round((have - side) / 2) for have, side in zip(image.shape, want, strict=False))
    return image[top : top + want[0], left : left + want[1]]


def _ten_crops(image: np.ndarray, want: tuple[int, int]) -> np.ndarray:
    """Four corners and the middle, and those of the mirror image, (10, H, W, 3)."""
    height, width = want
    rows, columns = (slice(height), slice(-height, None)), (slice(width), slice(-width, None))
    return np.stack(
        [
            crop
            for side in (image, image[:, ::-1])
            for crop in (*(side[r, c] for r in rows for c in columns), _middle(side, want))
        ]
    )


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


def draw_crop_box(
    height: int,
    width: int,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[int, int, int, int]:
    """The box of a random resized crop: (top, left, height, width), inside the image.

    Its area is uniform in ``scale`` times the image's, the logarithm of its width over height
    uniform in that of ``ratio``. Ten boxes are drawn; where none of them fits into the image, it
    is the largest centred one whose ratio is allowed.

    Source: Szegedy et al., *Going Deeper with Convolutions*, CVPR 2015; as in torchvision.
    """
    for _ in range(_ATTEMPTS):
        area = height * width * rng.uniform(*scale)
        wanted = math.exp(rng.uniform(math.log(ratio[0]), math.log(ratio[1])))
        box_width, box_height = round(math.sqrt(area * wanted)), round(math.sqrt(area / wanted))
        if 0 < box_width <= width and 0 < box_height <= height:
            top = int(rng.integers(height - box_height + 1))
            left = int(rng.integers(width - box_width + 1))
            return top, left, box_height, box_width
    nearest = min(max(width / height, ratio[0]), ratio[1])
    box_width = max(1, min(width, round(height * nearest)))
    box_height = max(1, min(height, round(width / nearest)))
    return (height - box_height) // 2, (width - box_width) // 2, box_height, box_width
