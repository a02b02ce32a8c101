"""GridMix: against a loop over pixels, and what is in the images."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import draw_cells, draw_lam, draw_pairing, gridmix
from tests.laws.data import batch, generator
from tests.laws.mix_functions import SIZES
from tests.mixups.waits import Operations


def draws(n, grid=(4, 4), alpha=1.0, seed=0):
    g = generator(seed)
    return draw_lam(n, alpha, g), draw_pairing(n, g), draw_cells(n, grid, g)


def loop(images, lam, index, cells):
    """One pixel at a time: the cell that it lies in decides."""
    n, _, height, width = images.shape
    rows, columns = cells.shape[1:]
    mixed, shares = images.clone(), []
    for i in range(n):
        kept = 0
        for y in range(height):
            for x in range(width):
                u = cells[i, math.floor(y / height * rows), math.floor(x / width * columns)]
                if u < lam[i]:
                    kept += 1
                else:
                    mixed[i, :, y, x] = images[index[i], :, y, x]
        shares.append(kept / (height * width))
    return mixed, torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize("grid", [(4, 4), (2, 3), (5, 1), (16, 9)])
@pytest.mark.parametrize("size", SIZES)
def test_is_the_loop_from_the_paper(size, grid):
    images, labels = batch(7, 2, size, torch.float64)
    lam, index, cells = draws(7, grid)
    lam[5:], cells[5:, 0, 0] = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1 - 2**-24])
    mixed = gridmix(images, labels, lam, index, cells)
    expected, shares = loop(images, lam, index, cells)
    assert torch.equal(mixed.images, expected)
    assert_close(mixed.labels.shares[:, 0], shares, rtol=0, atol=1e-15)
    assert shares[5:].tolist() == [0, 1]


def test_a_cell_is_of_one_image_and_cells_are_as_large_as_they_can():
    """The pitfall of sizes that do not divide: a border that no cell covers."""
    for height, width in [(32, 32), (30, 50), (7, 11)]:
        images, labels = torch.zeros(1, 1, height, width), torch.zeros(1).long()
        for row in range(4):
            for column in range(4):
                cells = torch.full((1, 4, 4), 0.9)
                cells[0, row, column] = 0.1
                mask = gridmix(images, labels, torch.tensor([0.5]), torch.tensor([0]), cells).mask
                tall, wide = mask[0, 0].any(1).sum().item(), mask[0, 0].any(0).sum().item()
                assert mask.sum().item() == tall * wide
                assert tall in (height // 4, -(-height // 4))
                assert wide in (width // 4, -(-width // 4))


def test_the_grid_costs_no_operation_a_cell():
    """The pitfall of a Python loop over cells, with a write each."""
    images, labels = batch(4, size=(32, 32))

    def operations(grid):
        given = draws(4, grid)
        with Operations() as counted:
            gridmix(images, labels, *given, check=False)
        return counted.number

    assert operations((1, 1)) == operations((16, 16)) < 60


def test_draws_are_uniform():
    stats = pytest.importorskip("scipy.stats")
    assert draw_cells(9, (2, 5), generator()).shape == (9, 2, 5)
    assert draw_cells(6, (2, 5), generator(), per_batch=True).shape == (1, 2, 5)
    assert stats.kstest(draw_cells(500, (4, 4), generator()).flatten(), "uniform").pvalue > 1e-3
