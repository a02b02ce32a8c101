"""ResizeMix."""

from __future__ import annotations

from typing import NamedTuple

from torch import Generator, Tensor

from dmmix.functional import mixing
from dmmix.functional.ranges import Positive, ShareBounds
from dmmix.mixups.base import PairMix


class ResizeMix(PairMix):
    r"""ResizeMix: another image, whole, resized to :math:`\tau (H, W)` and pasted at a random
    place, with :math:`\tau` uniform in ``scale``.

    Args:
        alpha: above 0, how :math:`\tau` is spread over ``scale``:
            :math:`\tau = \tau_\min + (\tau_\max - \tau_\min) b` with
            :math:`b \sim \mathrm{Beta}(\alpha, \alpha)`. 1 is uniform, as in the paper.
        per_batch, fixed_points: see :class:`PairMix`.
        scale: smallest and largest :math:`\tau`, the sides of the box as a part of the image's;
            above 0 and at most 1.

    Source: ResizeMix (arXiv 2012.11101).
    """

    function = staticmethod(mixing.resizemix)

    class Draws(NamedTuple):
        lam: Tensor
        index: Tensor  # type: ignore[assignment]
        places: Tensor

    def __init__(
        self,
        alpha: Positive = 1.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        scale: ShareBounds = (0.1, 0.8),
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points)
        self.scale = float(scale[0]), float(scale[1])

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Draws:
        low, high = self.scale
        tau = low + (high - low) * self.draw_lam(n, generator)
        index = self.draw_index(n, generator)
        places = mixing.draw_centers(n, generator, self.per_batch)
        return self.Draws(1 - tau.square(), index, places)
