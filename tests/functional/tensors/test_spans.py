"""Spans and boxes, against a loop over samples in Python's numbers."""

import math

import pytest
import torch

from dmmix.functional.tensors import spans
from tests.laws.data import generator

N = 3000


def rows(span):
    return [(int(start), int(stop)) for start, stop in zip(*span, strict=True)]


def uniform(n=N, seed=0):
    drawn = torch.rand(n, dtype=torch.float64, generator=generator(seed))
    drawn[:2] = torch.tensor([0.0, 1.0])
    return drawn


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("length", [1, 7, 32])
def test_around_a_point(length, inside):
    ratio, center = uniform(), uniform(seed=1)
    expected = []
    for r, c in zip(ratio.tolist(), center.tolist(), strict=True):
        side = round(r * length)
        start = round(c * length - side / 2)
        if inside:
            start = min(max(start, 0), length - side)
        expected.append((max(start, 0), min(start + side, length)))
    assert rows(spans.centered(ratio, center, length, inside=inside)) == expected


@pytest.mark.parametrize("inside", [False, True])
def test_both_axes_at_once(inside):
    ratio, centers = uniform(), torch.stack([uniform(seed=1), uniform(seed=2)], 1)
    lengths = torch.tensor([9.0, 4.0], dtype=torch.float64)
    both = spans.centered(ratio[:, None], centers, lengths, inside=inside)
    for axis, length in enumerate((9, 4)):
        one = spans.centered(ratio, centers[:, axis], length, inside=inside)
        assert all(torch.equal(a[:, axis], b) for a, b in zip(both, one, strict=True))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_sides_of_a_share(dtype):
    lam = uniform().to(dtype)
    found = spans.side_ratio(lam)
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert found.tolist() == pytest.approx([math.sqrt(1 - share) for share in lam.tolist()])


@pytest.mark.parametrize("side", [0, 1, 4, 5, 20])
def test_around_a_pixel(side):
    pixel = torch.arange(9)
    taken = [range(p - side // 2, p - side // 2 + side) for p in range(9)]
    expected = [sum(0 <= q < 9 for q in each) for each in taken]
    for given in (side, torch.full((9,), side)):
        start, stop = spans.around(pixel, given, 9)
        assert (stop - start).tolist() == expected
        assert start.tolist() == [max(0, each.start) for each in taken]


@pytest.mark.parametrize("side", [1, 4, 9, 12])
def test_every_place_is_equally_likely(side):
    room = max(0, 9 - side)
    place = (torch.arange(100 * (room + 1), dtype=torch.float64) + 0.5) / (100 * (room + 1))
    start, stop = spans.placed(place, torch.full((len(place),), side), 9)
    assert torch.bincount(start).tolist() == [100] * (room + 1)
    assert (stop - start == side).all()
    (last,), _ = spans.placed(torch.ones(1), torch.tensor([side]), 9)
    assert last == room


def test_boxes():
    rows_, columns = (
        (torch.tensor([0, 2, 3]), torch.tensor([4, 2, 5])),
        spans.whole(torch.zeros(3, dtype=torch.int64), 6),
    )
    mask = spans.box_mask(rows_, columns, (5, 6))
    assert mask.sum((1, 2)).tolist() == spans.box_area(rows_, columns).tolist() == [24, 0, 12]
    assert mask[2].any(1).tolist() == [False, False, False, True, True]
    assert spans.within(*rows_, 5)[0].tolist() == [True] * 4 + [False]
