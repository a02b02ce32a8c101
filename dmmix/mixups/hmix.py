"""HMix."""

from __future__ import annotations

from dmmix.functional import mixing
from dmmix.functional.ranges import Positive, Probability
from dmmix.mixups.base import PlacedMix


class HMix(PlacedMix):
    r"""HMix: a box of another image pasted, and the two images blended around it, with
    :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)` and the centre uniform.

    Args:
        alpha, per_batch, fixed_points: see :class:`PairMix`.
        ratio: which part of the partner's share is in the box, in [0, 1]: 0 is Mixup, 1 CutMix.

    Source: A Unified Analysis of Mixed Sample Data Augmentation (arXiv 2208.09913).
    """

    function = staticmethod(mixing.hmix)
    options = ("ratio",)

    def __init__(
        self,
        alpha: Positive = 1.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        ratio: Probability = 0.5,
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points)
        self.ratio = float(ratio)
