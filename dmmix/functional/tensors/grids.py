"""Pixels along an axis, and the cells of a grid that they lie in."""

from __future__ import annotations

import torch
from torch import Tensor


def pixel_centers(length: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """(length,) the middle of each pixel: pixel i lies between i and i + 1."""
    return torch.arange(length, device=device, dtype=dtype) + 0.5


def cell_of_pixel(length: int, cells: int, device: torch.device) -> Tensor:
    """(length,) the cell that each pixel along a side is in: that of its first edge.

    Where the cells do not divide the side, they differ by a pixel. With more cells than pixels,
    some have none.
    """
    return (torch.arange(length, device=device) * cells).floor_divide_(length)


def cell_members(length: int, cells: int, device: torch.device) -> Tensor:
    """(cells, length) bool, which pixels each cell of :func:`cell_of_pixel` has."""
    cell = cell_of_pixel(length, cells, device)
    return cell == torch.arange(cells, device=device)[:, None]


def sized_cells(length: int, cells: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(length,) the cell that each pixel along a side is in, and (cells,) how many pixels it has.

    A cell begins with the pixel that its edge lies in, where in :func:`cell_of_pixel` it begins
    with the one after it.
    """
    edges = (torch.arange(cells + 1, device=device) * length).div(cells, rounding_mode="floor")
    pixels = torch.arange(length, device=device)
    return torch.bucketize(pixels, edges[1:], right=True), edges.diff()
