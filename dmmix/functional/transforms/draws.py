"""What is random in the batch transforms: places, boxes, factors, orders.

As for the mixes, all of it is drawn on a CPU generator and moved afterwards
(:func:`dmmix.functional.tensors.to_device`), so a seed gives the same on every device. Only noise
for whole images is drawn where the images are. ``generator=None`` is torch's default generator.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from dmmix.functional.tensors.layout import as_planes, from_planes
from dmmix.functional.tensors.spans import around, placed

Range = tuple[float, float]


def draw_uniform(n: int, bounds: Range, generator: Generator | None = None) -> Tensor:
    """(n,) float64, uniform in [low, high]."""
    low, high = bounds
    return torch.rand(n, dtype=torch.float64, generator=generator).mul_(high - low).add_(low)


def draw_crops(
    n: int,
    image_size: tuple[int, int],
    size: tuple[int, int],
    generator: Generator | None = None,
) -> Tensor:
    """Corners for :func:`crop`, (n, 2) int64 (top, left): all places are equally likely.

    Args:
        n: how many samples.
        image_size: (height, width) of the images, with their padding.
        size: (height, width) of the windows, not larger.
    """
    return torch.stack(draw_places(n, image_size, size, generator), 1)


def draw_places(
    n: int,
    image_size: tuple[int, int],
    size: tuple[int, int],
    generator: Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """The columns of :func:`draw_crops`, (n,) each."""
    places = [i - s + 1 for i, s in zip(image_size, size, strict=True)]
    if min(places) < 1:
        raise ValueError(f"windows of {size} do not fit into images of {image_size}")
    top, left = (torch.randint(p, (n,), generator=generator) for p in places)
    return top, left


def draw_resized_crops(
    n: int,
    image_size: tuple[int, int],
    area: Range = (0.08, 1.0),
    aspect: Range = (3 / 4, 4 / 3),
    max_attempts: int = 10,
    generator: Generator | None = None,
) -> Tensor:
    """Boxes for :func:`resized_crop`, distributed as in torchvision's ``RandomResizedCrop``.

    A box has an area that is uniform in ``area`` and an aspect ratio whose logarithm is uniform
    between those of ``aspect``. The first one of ``max_attempts`` that fits into the image is
    taken, at a uniform place; if none does, the largest one in the middle that ``aspect`` allows.

    Args:
        n: how many samples.
        image_size: (height, width) of the images.
        area: lowest and highest share of the area of the image.
        aspect: lowest and highest ratio of width and height.
        max_attempts: at least 0.

    Returns:
        (n, 4) int64: top, left, height, width.
    """
    height, width = image_size
    rows, columns = _shapes((n, max_attempts), image_size, area, aspect, generator)
    last = _central(image_size, aspect)
    rows, columns = (
        torch.cat((tried, tried.new_full((n, 1), side)), 1)
        for tried, side in zip((rows, columns), last, strict=True)
    )
    fits = (rows > 0) & (rows <= height) & (columns > 0) & (columns <= width)
    fits[:, -1] = True
    taken = fits.byte().argmax(1, keepdim=True)  # the first one
    rows, columns = rows.gather(1, taken)[:, 0], columns.gather(1, taken)[:, 0]
    top, left = _places(rows, columns, image_size, generator)
    central = taken[:, 0] == max_attempts
    top = torch.where(central, (height - rows) // 2, top)
    left = torch.where(central, (width - columns) // 2, left)
    return torch.stack((top, left, rows, columns), 1)


def draw_erasings(
    n: int,
    image_size: tuple[int, int],
    area: Range = (0.02, 0.4),
    aspect: Range = (3 / 10, 10 / 3),
    generator: Generator | None = None,
) -> Tensor:
    """Boxes for :func:`erase`, distributed as in mmpretrain's ``RandomErasing``.

    Area and aspect ratio (height to width here) as in :func:`draw_resized_crops`, one attempt
    that is cut down to the sides of the image, at a uniform place. mmpretrain's never reaches the
    last row and column; this one does.

    Returns:
        (n, 4) int64: top, left, height, width.
    """
    height, width = image_size
    columns, rows = _shapes((n,), image_size, area, aspect, generator)
    rows, columns = rows.clamp_(max=height), columns.clamp_(max=width)
    return torch.stack((*_places(rows, columns, image_size, generator), rows, columns), 1)


def draw_cutouts(
    n: int,
    image_size: tuple[int, int],
    shape: tuple[int, int],
    generator: Generator | None = None,
) -> Tensor:
    """Boxes for :func:`erase`, distributed as in the paper on Cutout (arXiv 1708.04552).

    The pixel in the middle is uniform in the image, and what lies outside is cut off. (mmcv's
    cutout, which mmpretrain uses, moves boxes that begin above or left of the image into it.)

    Args:
        n: how many samples.
        image_size: (height, width) of the images.
        shape: (height, width) of the box; one with an even side has half a pixel more before its
            middle than after it.

    Returns:
        (n, 4) int64: top, left, height, width.
    """
    starts, sides = [], []
    for length, side in zip(image_size, shape, strict=True):
        start, stop = around(torch.randint(length, (n,), generator=generator), side, length)
        starts.append(start)
        sides.append(stop - start)
    return torch.stack((*starts, *sides), 1)


def draw_orders(n: int, items: int, generator: Generator | None = None) -> Tensor:
    """(n, items) int64: for each sample a random order of ``0`` to ``items - 1``."""
    return torch.rand(n, items, dtype=torch.float64, generator=generator).argsort(1)


def draw_noise_like(images: Tensor, generator: Generator | None = None) -> Tensor:
    """Standard normal floats of the shape, dtype, device and memory format of the images.

    On the CPU they come from ``generator``. For another device they would be too much to copy:
    they are drawn there, by a generator that is seeded with a number from ``generator``, so the
    same seed gives other noise there than on the CPU.
    """
    planes = as_planes(images)
    if images.device.type != "cpu":
        seed = int(torch.randint(2**62, (), generator=generator))
        generator = torch.Generator(images.device).manual_seed(seed)
    # Filled in the order of memory: out of it, normal_ takes many times as long.
    noise = torch.empty(planes.shape, dtype=images.dtype, device=images.device)
    return from_planes(noise.normal_(generator=generator), images)


def _shapes(
    shape: tuple[int, ...],
    image_size: tuple[int, int],
    area: Range,
    aspect: Range,
    generator: Generator | None,
) -> tuple[Tensor, Tensor]:
    """Heights and widths in whole pixels; ``aspect`` is width to height."""
    height, width = image_size
    count = math.prod(shape)
    pixels = draw_uniform(count, area, generator).mul_(height * width)
    logs = math.log(aspect[0]), math.log(aspect[1])
    ratio = draw_uniform(count, logs, generator).exp_()
    rows, columns = (pixels / ratio).sqrt_(), (pixels * ratio).sqrt_()
    return rows.round_().long().view(shape), columns.round_().long().view(shape)


def _central(image_size: tuple[int, int], aspect: Range) -> tuple[int, int]:
    """Height and width of the largest box with an aspect ratio that is allowed."""
    height, width = image_size
    if width < min(aspect) * height:
        return max(1, round(width / min(aspect))), width
    if width > max(aspect) * height:
        return height, max(1, round(height * max(aspect)))
    return height, width


def _places(
    rows: Tensor, columns: Tensor, image_size: tuple[int, int], generator: Generator | None
) -> tuple[Tensor, Tensor]:
    """Top and left of boxes of these sides, uniform."""
    place = []
    for side, length in zip((rows, columns), image_size, strict=True):
        spot = torch.rand(len(side), dtype=torch.float64, generator=generator)
        place.append(placed(spot, side, length)[0])
    return place[0], place[1]
