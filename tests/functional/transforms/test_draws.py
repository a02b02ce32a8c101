"""Draws: their ranges and frequencies, and loops that draw one box."""

import math

import pytest
import torch

from dmmix.functional.transforms import (
    draw_crops,
    draw_cutouts,
    draw_erasings,
    draw_orders,
    draw_resized_crops,
    draw_uniform,
)
from tests.functional.transforms.pictures import generator


def chi_square(counts, expected):
    """In standard deviations from what it is for equal distributions."""
    counts, expected = counts.double(), expected.double()
    statistic = ((counts - expected) ** 2 / expected).sum()
    freedom = len(counts) - 1
    return float((statistic - freedom) / math.sqrt(2 * freedom))


def test_crops_are_equally_likely():
    n = 40_000
    corners = draw_crops(n, (12, 10), (8, 8), generator())
    places = corners[:, 0] * 3 + corners[:, 1]
    counts = torch.bincount(places, minlength=15)
    assert len(counts) == 5 * 3
    assert corners[:, 1].max() == 2
    assert chi_square(counts, torch.full((15,), n / 15)) < 4


def test_orders_are_equally_likely():
    n = 48_000
    orders = draw_orders(n, 4, generator())
    assert torch.equal(orders.sort(1).values, torch.arange(4).expand(n, 4))
    _, counts = (orders * torch.tensor([64, 16, 4, 1])).sum(1).unique(return_counts=True)
    assert len(counts) == 24
    assert chi_square(counts, torch.full((24,), n / 24)) < 4


def test_uniform():
    drawn = draw_uniform(100_000, (-2, 6), generator())
    assert drawn.dtype == torch.float64
    assert -2 <= drawn.min() < -1.99
    assert 5.99 < drawn.max() <= 6
    assert abs(drawn.mean() - 2) < 0.03


def one_resized_crop(size, area, aspect, attempts, rand):
    """mmpretrain's and torchvision's loop, for one image."""
    h, w = size
    for _ in range(attempts):
        pixels = (area[0] + (area[1] - area[0]) * rand()) * h * w
        logs = [math.log(a) for a in aspect]
        ratio = math.exp(logs[0] + (logs[1] - logs[0]) * rand())
        columns, rows = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
        if 0 < columns <= w and 0 < rows <= h:
            return int(rand() * (h - rows + 1)), int(rand() * (w - columns + 1)), rows, columns
    if w / h < min(aspect):
        columns, rows = w, round(w / min(aspect))
    elif w / h > max(aspect):
        rows, columns = h, round(h * max(aspect))
    else:
        rows, columns = h, w
    return (h - rows) // 2, (w - columns) // 2, rows, columns


def one_erasing(size, area, aspect, rand):
    """mmpretrain's, with its last row and column in reach."""
    h, w = size
    logs = [math.log(a) for a in aspect]
    ratio = math.exp(logs[0] + (logs[1] - logs[0]) * rand())
    pixels = (area[0] + (area[1] - area[0]) * rand()) * h * w
    rows = min(round(math.sqrt(pixels * ratio)), h)
    columns = min(round(math.sqrt(pixels / ratio)), w)
    return int(rand() * (h - rows + 1)), int(rand() * (w - columns + 1)), rows, columns


def one_cutout(size, shape, rand):
    """The paper's: a pixel is the middle of a mask, which is cut off on all four sides."""
    top, left = (int(rand() * length) - side // 2 for length, side in zip(size, shape, strict=True))
    rows = [y for y in range(top, top + shape[0]) if 0 <= y < size[0]]
    columns = [x for x in range(left, left + shape[1]) if 0 <= x < size[1]]
    return rows[0], columns[0], len(rows), len(columns)


def same_distribution(boxes, others):
    """Two samples of boxes, by the frequencies of those that are not rare, and by their means."""
    key = torch.tensor([64**3, 64**2, 64, 1])
    both = torch.cat(((boxes * key).sum(1), (others * key).sum(1)))
    _, where = both.unique(return_inverse=True)
    first, second = (
        torch.bincount(part, minlength=int(where.max()) + 1) for part in where.split(len(boxes))
    )
    common = first + second >= 20
    a, b = first[common].double(), second[common].double()
    rest = torch.tensor([float(first[~common].sum()), float(second[~common].sum())])
    a, b = torch.cat((a, rest[:1] + 10)), torch.cat((b, rest[1:] + 10))
    statistic = ((a - b) ** 2 / (a + b)).sum()
    assert (statistic - len(a)) / math.sqrt(2 * len(a)) < 4
    assert len(a) > 1
    for column in range(4):
        x, y = boxes[:, column].double(), others[:, column].double()
        scale = math.sqrt((x.var() + y.var() + 1e-9) / len(x))
        assert abs(x.mean() - y.mean()) < 4 * scale


def rand(seed):
    """Python's uniform numbers."""
    import random

    return random.Random(seed).random


@pytest.mark.parametrize(
    ("size", "area", "aspect", "attempts"),
    [
        ((8, 8), (0.08, 1.0), (3 / 4, 4 / 3), 10),
        ((6, 9), (0.08, 1.0), (3 / 4, 4 / 3), 10),
        ((4, 16), (0.5, 1.0), (0.9, 1.5), 10),  # falls back, too wide
        ((16, 4), (0.5, 1.0), (0.9, 1.5), 2),  # and too high
        ((8, 8), (0.7, 1.4), (0.5, 2.0), 1),  # and to the whole image
        ((8, 9), (0.3, 0.3), (1.0, 1.0), 0),
    ],
)
def test_resized_crops_are_torchvisions(size, area, aspect, attempts):
    n, draw = 6000, rand(1)
    boxes = draw_resized_crops(n, size, area, aspect, attempts, generator())
    others = torch.tensor([one_resized_crop(size, area, aspect, attempts, draw) for _ in range(n)])
    assert boxes.dtype == torch.int64
    inside(boxes, size)
    if attempts == 0:
        assert torch.equal(boxes, others)
    else:
        same_distribution(boxes, others)


def test_the_first_box_that_fits_is_taken():
    """Later ones are smaller than the first that fits only by chance: no bias to small boxes."""
    boxes = draw_resized_crops(20_000, (32, 32), (0.9, 1.3), (1.0, 1.0), 10, generator())
    assert abs(boxes[:, 2].double().pow(2).mean() / 1024 - 0.96) < 0.01


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 50)])
def test_boxes_of_tiny_images_have_pixels(size):
    for aspect in [(3 / 4, 4 / 3), (0.1, 0.2), (5.0, 9.0)]:
        boxes = draw_resized_crops(200, size, aspect=aspect, generator=generator())
        inside(boxes, size)
        assert bool((boxes[:, 2:] > 0).all())


@pytest.mark.parametrize(
    ("size", "area", "aspect"),
    [
        ((8, 8), (0.02, 0.4), (0.3, 1 / 0.3)),
        ((5, 12), (0.02, 0.4), (0.3, 1 / 0.3)),
        ((5, 12), (0.3, 0.9), (2.0, 4.0)),
        ((6, 6), (0.0, 1.0), (1.0, 1.0)),
    ],
)
def test_erasings_are_mmpretrains(size, area, aspect):
    n, draw = 6000, rand(2)
    boxes = draw_erasings(n, size, area, aspect, generator())
    inside(boxes, size)
    others = torch.tensor([one_erasing(size, area, aspect, draw) for _ in range(n)])
    same_distribution(boxes, others)


@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (1, 1), (20, 5)])
def test_cutouts_are_those_of_the_paper(shape):
    n, draw = 6000, rand(3)
    boxes = draw_cutouts(n, (7, 9), shape, generator())
    inside(boxes, (7, 9))
    others = torch.tensor([one_cutout((7, 9), shape, draw) for _ in range(n)])
    same_distribution(boxes, others)


def inside(boxes, size):
    assert boxes.min() >= 0
    assert bool((boxes[:, :2] + boxes[:, 2:] <= torch.tensor(size)).all())


def test_windows_that_do_not_fit():
    with pytest.raises(ValueError, match=r"windows of \(9, 8\) do not fit into images of \(8, 8\)"):
        draw_crops(3, (8, 8), (9, 8), generator())
