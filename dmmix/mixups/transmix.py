"""TransMix, registered."""

from __future__ import annotations

from typing import Any

from torch import Generator, Tensor

from dmmix.functional import MixedLabels, mixing
from dmmix.functional.mixing.blend import blend_labels, prepare_labels
from dmmix.functional.ranges import Positive, Probability
from dmmix.functional.tensors.draws import to_device
from dmmix.mixups.base import PairMix
from dmmix.registry import MIXUPS

__all__ = ["TransMix"]


@MIXUPS.register_module()
class TransMix(PairMix):
    r"""CutMix whose labels say where the class token of a vision transformer looks, each sample for
    itself: :math:`\lambda = \sum_t A_t \, ({\downarrow} M)_t` with the attention :math:`A` of the
    last layer over the patches, in the very forward pass that is trained on.

    Until :meth:`~dmmix.functional.Guide.settle`, labels carry the share of the area.

    Args:
        alpha: above 0, of the area of the box. 1 as for the CutMix of DeiT, which TransMix builds
            on; beside :class:`Mixup` with 0.8 there (:class:`RandomMix`).
        per_batch: one share and one place of the box a batch instead of one a sample; what the
            attention makes of it is each sample's own.
        fixed_points: whether a sample may be paired with itself.
        area: weight of the share of the area in the labels, in [0, 1]: 0 in the paper, 0.5 in its
            code.

    Raises:
        TypeError, ValueError: a bad ``alpha`` or ``area``.

    Example::

        model = dict(mixup=dict(type='RandomMix', mixups=[
            dict(type='Mixup', alpha=0.8), dict(type='TransMix', alpha=1.0)]))

    Source: TransMix (arXiv 2111.09833).
    """

    needs_guide = True
    follows_lam = False  # the share is where attention goes

    def __init__(
        self,
        alpha: Positive = 1.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        area: Probability = 0.0,
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points)
        self.area = float(area)

    def apply(
        self, images: Tensor, labels: MixedLabels | Tensor, generator: Generator, guide: Any
    ) -> mixing.Mixed:
        seen: list[Tensor] = []
        guide.watch_attention(seen.append)
        lam, index = self.draw_pair(images, generator)
        centers = mixing.draw_centers(images.shape[0], generator, self.per_batch)
        (centers,) = to_device([centers], images.device)
        mixed = mixing.cutmix(
            images, labels, lam, index, centers, out=self.buffer(images), check=False
        )
        first = prepare_labels(labels, images, check=False)

        def settled(told: MixedLabels | Tensor) -> MixedLabels | Tensor:
            share = mixing.attention_share(seen[0], mixed.mask, self.area)
            return blend_labels(first, first[index], share)

        guide.after_forward(settled)
        return mixed
