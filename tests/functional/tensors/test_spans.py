"""Spans and boxes, against a loop over samples in Python's numbers."""

import math

import pytest
import torch

from dmmix.functional.tensors import spans
from tests.laws.data import generator

N = 3000


def uniform(n=N, seed=0):
    drawn = torch.rand(n, dtype=torch.float64, generator=generator(seed))
    drawn[:2] = torch.tensor([0.0, 1.0])
    return drawn


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_sides_of_a_share(dtype):
    lam = uniform().to(dtype)
    found = spans.side_ratio(lam)
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert found.tolist() == pytest.approx([math.sqrt(1 - share) for share in lam.tolist()])


@pytest.mark.parametrize("side", [1, 4, 9, 12])
def test_every_place_is_equally_likely(side):
    room = max(0, 9 - side)
    place = (torch.arange(100 * (room + 1), dtype=torch.float64) + 0.5) / (100 * (room + 1))
    start, stop = spans.placed(place, torch.full((len(place),), side), 9)
    assert torch.bincount(start).tolist() == [100] * (room + 1)
    assert (stop - start == side).all()
    (last,), _ = spans.placed(torch.ones(1), torch.tensor([side]), 9)
    assert last == room
