"""GridMix."""

from __future__ import annotations

from typing import NamedTuple

from torch import Generator, Tensor

from dmmix.functional import mixing
from dmmix.functional.ranges import Positive, Size, as_pair
from dmmix.mixups.base import PairMix


class GridMix(PairMix):
    r"""GridMix: each cell of a grid from the image with probability :math:`\lambda`, else from its
    partner, with :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`.

    This is the mix of the paper; its second part, a loss on the label of each cell, is not in it.

    Args:
        alpha: above 0.
        per_batch, fixed_points: see :class:`PairMix`.
        grid: cells along each side, at least 1; or a pair, rows and columns.

    Source: GridMix: Strong regularization through local context mapping (Pattern Recognition 109,
    2021; doi 10.1016/j.patcog.2020.107594).
    """

    function = staticmethod(mixing.gridmix)

    class Draws(NamedTuple):
        lam: Tensor
        index: Tensor  # type: ignore[assignment]
        cells: Tensor

    def __init__(
        self,
        alpha: Positive = 1.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        grid: Size = 4,
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points)
        self.grid = as_pair(grid)

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Draws:
        pair = self._draw_pair(n, generator)
        return self.Draws(*pair, mixing.draw_cells(n, self.grid, generator, self.per_batch))
