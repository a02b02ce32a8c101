"""SaliencyMix, registered."""

from __future__ import annotations

from typing import Literal

from torch import Generator, Tensor

from dmmix.functional import MixedLabels, mixing
from dmmix.functional.ranges import Positive
from dmmix.mixups.base import DrawnMix
from dmmix.registry import MIXUPS

__all__ = ["SaliencyMix"]


@MIXUPS.register_module()
class SaliencyMix(DrawnMix):
    r"""SaliencyMix: a box of area :math:`1 - \lambda` of another image, around its most salient
    pixel, with :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`.

    Args:
        alpha: above 0. The decoupled mixup paper uses 0.2, with its loss and without.
        per_batch: one share a batch instead of one a sample. The place stays that of each
            partner's own most salient pixel.
        fixed_points: whether a sample may be paired with itself.
        saliency: ``'fine_grained'``, as in the paper, or ``'spectral_residual'``
            (see :func:`dmmix.functional.saliencymix`).

    Raises:
        TypeError, ValueError: a bad ``alpha`` or ``saliency``.

    Example::

        model = dict(mixup=dict(type='SaliencyMix', alpha=0.2))
        # in a stock mmpretrain config:
        model = dict(train_cfg=dict(augments=dict(type='dmmix.SaliencyMix', alpha=1.0)))

    Source: SaliencyMix (arXiv 2006.01791).
    """

    def __init__(
        self,
        alpha: Positive = 1.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        saliency: Literal["fine_grained", "spectral_residual"] = "fine_grained",
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points)
        self.saliency = saliency

    def draw(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        return self.draw_pair(images, generator)

    def blend(self, images: Tensor, labels: MixedLabels | Tensor, *drawn: Tensor) -> mixing.Mixed:
        out = self.buffer(images)
        return mixing.saliencymix(
            images, labels, *drawn, saliency=self.saliency, out=out, check=False
        )
