"""Random boxes for crops of images."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["draw_crop_box"]

_ATTEMPTS = 10


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
