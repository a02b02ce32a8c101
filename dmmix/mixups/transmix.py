"""TransMix."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing import Mixed
from dmmix.functional.ranges import Positive, Probability
from dmmix.mixups.cutmix import CutMix
from dmmix.mixups.shares import AttentionShares


class TransMix(CutMix):
    r"""CutMix whose labels say where the class token of a vision transformer looks, each sample for
    itself: CutMix with :class:`AttentionShares`.

    Args:
        alpha: above 0, of the area of the box. 1 as for the CutMix of DeiT, which TransMix builds
            on; beside :class:`Mixup` with 0.8 there (:class:`RandomMix`).
        per_batch: one share and one place of the box a batch instead of one a sample; what the
            attention makes of it is each sample's own.
        fixed_points: whether a sample may be paired with itself.
        area: weight of the share of the area in the labels, in [0, 1]: 0 in the paper, 0.5 in its
            code.

    Example::

        model = dict(mixup=dict(type='RandomMix', mixups=[
            dict(type='Mixup', alpha=0.8), dict(type='TransMix', alpha=1.0)]))

    Source: TransMix (arXiv 2111.09833).
    """

    needs = frozenset({"attention"})

    def __init__(
        self,
        alpha: Positive = 1.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        area: Probability = 0.0,
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points)
        self.shares = AttentionShares(area)

    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        mixed = super().blend(images, labels, draws, answers)
        return self.shares.on(mixed, images, labels)
