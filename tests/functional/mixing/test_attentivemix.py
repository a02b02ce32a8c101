"""Attentive CutMix as a function."""

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from dmmix.functional import attentivemix, draw_lam, draw_pairing
from dmmix.functional.tensors.maps import resize_maps
from tests.laws.data import batch, generator

SIZES = [(8, 8), (5, 9), (13, 6), (14, 21), (1, 7)]
PAPER = 1 - 6 / 49


def draws(n, alpha=1.0, seed=0, size=(4, 4), dtype=torch.float64):
    """lam, index and attention for a batch."""
    g = generator(seed)
    lam, index = draw_lam(n, alpha, g), draw_pairing(n, g)
    return lam, index, torch.rand(n, *size, generator=g, dtype=dtype)


def loop(images, lam, index, attention, grid):
    """A sample, a cell and a pixel at a time."""
    height, width = images.shape[-2:]
    rows, columns = min(grid, height), min(grid, width)
    mixed, shares = images.clone(), []
    for i, j in enumerate(index):
        seen = attention[j]
        if seen.shape != (rows, columns):
            size = (rows, columns)
            seen = F.interpolate(seen[None, None], size, mode="bilinear", antialias=True)[0, 0]
        cells = [(r, c) for r in range(rows) for c in range(columns)]
        best = sorted(cells, key=lambda cell: -seen[cell].item())  # stable
        chosen = best[: round((1 - lam[i]) * rows * columns)]
        pasted = 0
        for y in range(height):
            for x in range(width):
                # The cell from floor(r H / g) to floor((r + 1) H / g).
                row = max(r for r in range(rows) if r * height // rows <= y)
                column = max(c for c in range(columns) if c * width // columns <= x)
                if (row, column) in chosen:
                    mixed[i, :, y, x] = images[j, :, y, x]
                    pasted += 1
        shares.append(1 - pasted / (height * width))
    return mixed, shares


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("grid", "map_size"), [(7, (7, 7)), (7, (4, 4)), (3, (6, 5)), (1, (2, 2))])
def test_it_is_the_loop_from_the_paper(size, grid, map_size):
    images, labels = batch(5, 2, size, torch.float64)
    lam, index, attention = draws(5, size=map_size)
    lam[0], lam[1] = PAPER, 0.5
    mixed = attentivemix(images, labels, lam, index, attention, grid=grid)
    expected, shares = loop(images, lam.tolist(), index.tolist(), attention, grid)
    assert torch.equal(mixed.images, expected)
    assert_close(mixed.labels.shares[:, 0], torch.tensor(shares, dtype=torch.float64))


def test_equal_cells_are_pasted_row_by_row():
    images, labels = batch(2, 1, (7, 7))
    lam = torch.tensor([1 - 9 / 49, 1.0])
    mixed = attentivemix(images, labels, lam, torch.tensor([1, 0]), torch.ones(2, 7, 7))
    assert (~mixed.mask[0, 0]).flatten().nonzero()[:, 0].tolist() == list(range(9))
    assert bool(mixed.mask[1].all())


def test_maps_of_any_size():
    maps = torch.rand(2, 4, 6, generator=generator(), dtype=torch.float64)
    assert resize_maps(maps, (4, 6)) is maps
    assert resize_maps(maps.bfloat16(), (4, 6)).dtype == torch.float32
    assert resize_maps(torch.ones(2, 4, 6), (7, 3), antialias=True).eq(1).all()
