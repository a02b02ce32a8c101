"""SmoothMix."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Generator, Tensor

from dmmix.functional import mixing
from dmmix.functional.labels import Labels
from dmmix.functional.mixing import Mixed
from dmmix.functional.ranges import Positive, PositiveBounds
from dmmix.mixups.base import PairMix


class SmoothMix(PairMix):
    r"""SmoothMix: a soft round spot of another image, at a uniform place.

    Args:
        alpha: ``None`` draws the width of the spot, as the paper does; the share follows from
            width and place. A number above 0 draws
            :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)` and finds the width that gives it.
        per_batch, fixed_points: see :class:`PairMix`.
        sigma: smallest and largest width, uniform between them, as fractions of height and width;
            without ``alpha``.

    Source: SmoothMix: a Simple Yet Effective Data Augmentation to Train Robust Classifiers (CVPR
    Workshops 2020).
    """

    function = staticmethod(mixing.smoothmix)

    class Draws(NamedTuple):
        lam: Tensor | None
        sigma: Tensor | None
        index: Tensor  # type: ignore[assignment]
        centers: Tensor

    def __init__(
        self,
        alpha: Positive | None = None,
        per_batch: bool = False,
        fixed_points: bool = True,
        sigma: PositiveBounds = (0.25, 0.5),
    ) -> None:
        super().__init__(1.0 if alpha is None else alpha, per_batch, fixed_points)
        self.alpha = None if alpha is None else float(alpha)
        self.sigma = float(sigma[0]), float(sigma[1])

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Draws:
        lam = sigma = None
        if self.alpha is None:
            sigma = mixing.draw_sigma(n, *self.sigma, generator, self.per_batch)
        else:
            lam = self.draw_lam(n, generator)
        index = self.draw_index(n, generator)
        return self.Draws(lam, sigma, index, mixing.draw_centers(n, generator, self.per_batch))

    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        lam, sigma, index, centers = draws
        return self._call(images, labels, lam, index, centers, sigma=sigma)
