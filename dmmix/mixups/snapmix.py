"""SnapMix."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Generator, Tensor

from dmmix.functional import mixing
from dmmix.functional.labels import Labels
from dmmix.functional.mixing import Mixed
from dmmix.functional.ranges import Positive
from dmmix.mixups.base import PairMix


class SnapMix(PairMix):
    r"""SnapMix: a box of another image pasted into a box of another size, labelled by what the
    class activation maps say of the two.

    The areas of both boxes are drawn, :math:`1 - \lambda` with
    :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`, and the centres are uniform.

    Args:
        alpha: above 0; the paper uses 5.
        per_batch, fixed_points: see :class:`PairMix`.
        weighted: weight each sample in the loss by what is seen of both objects together, as the
            loss of the paper does. ``False`` lets each count once.

    Source: SnapMix (arXiv 2012.04846).
    """

    function = staticmethod(mixing.snapmix)

    class Draws(NamedTuple):
        lam: Tensor
        index: Tensor  # type: ignore[assignment]
        centers: Tensor
        source_lam: Tensor
        source_centers: Tensor

    needs = frozenset({"activation"})

    def __init__(
        self,
        alpha: Positive = 5.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        weighted: bool = True,
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points)
        self.weighted = weighted

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Draws:
        pair = self._draw_pair(n, generator)
        centers = mixing.draw_centers(n, generator, self.per_batch)
        source_lam = self.draw_lam(n, generator)
        source_centers = mixing.draw_centers(n, generator, self.per_batch)
        return self.Draws(*pair, centers, source_lam, source_centers)

    def ask(self, guide: Any, images: Tensor, labels: Labels, draws: Any) -> Tensor:
        return guide.activation(images, mixing.main_class(labels))

    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        mixed = super().blend(images, labels, draws, answers)
        return mixed if self.weighted else mixed._replace(weights=None)
