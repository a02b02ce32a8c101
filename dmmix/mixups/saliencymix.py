"""SaliencyMix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dmmix.functional import mixing
from dmmix.functional.labels import Labels
from dmmix.functional.mixing import Mixed
from dmmix.functional.ranges import Positive
from dmmix.mixups.saliency import FineGrainedSaliency, Saliency, SalientMix


class SaliencyMix(SalientMix):
    r"""SaliencyMix: a box of area :math:`1 - \lambda` of another image, around its most salient
    pixel, with :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`.

    Args:
        alpha: above 0. The decoupled mixup paper uses 0.2, with its loss and without.
        per_batch: one share a batch instead of one a sample. The place stays that of each
            partner's own most salient pixel.
        fixed_points: whether a sample may be paired with itself.
        saliency: where an image is salient: :class:`FineGrainedSaliency`, as in the paper and by
            default, :class:`SpectralResidualSaliency`, or :class:`GradientSaliency`, which asks the
            model.

    Source: SaliencyMix (arXiv 2006.01791).
    """

    function = staticmethod(mixing.saliencymix)
    usual_saliency = FineGrainedSaliency

    def __init__(
        self,
        alpha: Positive = 1.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        saliency: Mapping | Saliency | None = None,
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points, saliency)

    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        return self._call(images, labels, *draws, saliency=self.saliency.of(images, answers))
