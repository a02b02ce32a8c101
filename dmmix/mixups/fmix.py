"""FMix."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from torch import Generator, Tensor

from dmmix.functional import mixing
from dmmix.functional.ranges import Count, NonNegative, Positive, Range
from dmmix.mixups.base import PairMix


class FMix(PairMix):
    r"""FMix: a mask of any shape, cut from low-frequency noise, with
    :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`.

    Args:
        alpha: above 0. The decoupled mixup paper uses 0.2, with its loss and without.
        per_batch, fixed_points: see :class:`PairMix`.
        decay_power: 0 or more, how fast high frequencies fade: the larger, the smoother the mask.
        max_soft: in [0, 0.5], softens the edges of the mask (see :func:`dmmix.functional.fmix`).
        band: which frequencies the noise has. ``'auto'``: the lowest, with all but about 1e-4 of
            its power, where those are few enough to save time, else all; ``'full'``: all, as in the
            paper; an int: up to so many waves along the longer side
            (see :func:`dmmix.functional.draw_noise`).

    Source: FMix: Enhancing Mixed Sample Data Augmentation (arXiv 2002.12047).
    """

    function = staticmethod(mixing.fmix)
    options = ("decay_power", "max_soft")

    class Draws(NamedTuple):
        lam: Tensor
        index: Tensor  # type: ignore[assignment]
        noise: Tensor

    def __init__(
        self,
        alpha: Positive = 1.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        decay_power: NonNegative = 3.0,
        max_soft: Annotated[float, Range(0, 0.5)] = 0.0,
        band: Count | Literal["auto", "full"] = "auto",
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points)
        self.decay_power = float(decay_power)
        self.max_soft = float(max_soft)
        self.band = band

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Draws:
        height, width = size
        pair = self._draw_pair(n, generator)
        how = self.per_batch, self.band, self.decay_power
        return self.Draws(*pair, mixing.draw_noise(n, (height, width), generator, *how))
