"""The cell that a pixel lies in, one pixel at a time."""

import math

import pytest
import torch

from dmmix.functional.tensors.grids import (
    cell_members,
    cell_of_pixel,
    pixel_centers,
    sized_cells,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("length", [1, 7, 8, 32])
@pytest.mark.parametrize("cells", [1, 3, 7, 9])
def test_the_cell_of_a_pixel(length, cells):
    cell = cell_of_pixel(length, cells, CPU)
    edges = [k * length / cells for k in range(1, cells)]
    assert cell.tolist() == [sum(edge <= pixel for edge in edges) for pixel in range(length)]
    members = cell_members(length, cells, CPU)
    assert members.shape == (cells, length)
    assert torch.equal(members.byte().argmax(0), cell)
    assert (members.sum(0) == 1).all()
    other, sizes = sized_cells(length, cells, CPU)
    starts = [math.floor(k * length / cells) for k in range(1, cells)]
    assert other.tolist() == [sum(start <= pixel for start in starts) for pixel in range(length)]
    assert sizes.tolist() == torch.bincount(other, minlength=cells).tolist()


def test_the_middle_of_a_pixel():
    found = pixel_centers(3, CPU, torch.float64)
    assert found.tolist() == [0.5, 1.5, 2.5]
    assert found.dtype == torch.float64
