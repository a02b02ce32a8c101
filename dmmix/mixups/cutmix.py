"""CutMix."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from dmmix.functional import mixing
from dmmix.functional.labels import Labels
from dmmix.functional.mixing import Mixed
from dmmix.functional.ranges import Positive, Probability
from dmmix.mixups.base import PlacedMix


class CutMix(PlacedMix):
    r"""CutMix: a box of area :math:`1 - \lambda` of another image, with
    :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)` and the centre uniform.

    Args:
        alpha: above 0. The decoupled mixup paper uses 0.2, with its loss and without.
        per_batch, fixed_points: see :class:`PairMix`.
        min_area: smallest share of the image that is pasted, in [0, 1].
        max_area: largest, in [min_area, 1]. With either bound given, the share is clipped to them
            and the box is shifted to lie wholly inside the image, so they hold up to the rounding
            of the box to pixels. Without, the box is clipped at the border, as in the paper.

    Source: CutMix (arXiv 1905.04899).
    """

    function = staticmethod(mixing.cutmix)

    def __init__(
        self,
        alpha: Positive = 1.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        min_area: Probability = 0.0,
        max_area: Probability = 1.0,
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points)
        if min_area > max_area:
            raise ValueError(f"min_area must be at most max_area={max_area}, got {min_area}")
        self.min_area = float(min_area)
        self.max_area = float(max_area)

    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        lam, index, centers = draws
        bounded = self.min_area > 0 or self.max_area < 1
        if bounded:
            lam = lam.clamp(1 - self.max_area, 1 - self.min_area)
        return self._call(images, labels, lam, index, centers, inside=bounded)
