"""SnapMix, registered."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Generator, Tensor

from dmmix.functional import MixedLabels, mixing
from dmmix.functional.ranges import Positive
from dmmix.functional.tensors.draws import to_device
from dmmix.mixups.base import PairMix
from dmmix.registry import MIXUPS

__all__ = ["SnapMix"]


@MIXUPS.register_module()
class SnapMix(PairMix):
    r"""SnapMix: a box of another image pasted into a box of another size, labelled by what the
    class activation maps say of the two.

    The areas of both boxes are drawn, :math:`1 - \lambda` with
    :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`, and the centres are uniform.

    Args:
        alpha: above 0; the paper uses 5.
        per_batch: one pair of boxes a batch instead of one a sample.
        fixed_points: whether a sample may be paired with itself.
        weighted: weight each sample in the loss by what is seen of both objects together, as the
            loss of the paper does. ``False`` lets each count once.

    Raises:
        TypeError, ValueError: a bad ``alpha``.

    Example::

        model = dict(mixup=dict(type='SnapMix', alpha=5.0))

    Source: SnapMix (arXiv 2012.04846).
    """

    needs_guide: ClassVar[bool] = True
    alpha: float

    def __init__(
        self,
        alpha: Positive = 5.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        weighted: bool = True,
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points)
        self.weighted = weighted

    def apply(
        self, images: Tensor, labels: MixedLabels | Tensor, generator: Generator, guide: Any
    ) -> mixing.Mixed:
        n, once = images.shape[0], self.per_batch
        lam, index = self.draw_pair(images, generator)
        drawn = (
            mixing.draw_centers(n, generator, once),
            mixing.draw_lam(n, self.alpha, generator, once),
            mixing.draw_centers(n, generator, once),
        )
        centers, source_lam, source_centers = to_device(drawn, images.device)
        mixed = mixing.snapmix(
            images,
            labels,
            lam,
            index,
            centers,
            source_lam,
            source_centers,
            guide.activation(images, mixing.main_class(labels)),
            out=self.buffer(images),
            check=False,
        )
        return mixed if self.weighted else mixed._replace(weights=None)
