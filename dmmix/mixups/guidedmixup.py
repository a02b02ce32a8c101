"""GuidedMixup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Generator, Tensor

from dmmix.functional import mixing
from dmmix.functional.labels import Labels
from dmmix.functional.mixing import Mixed
from dmmix.functional.ranges import Count, Positive
from dmmix.mixups.build import build
from dmmix.mixups.pairing import GreedyPairing, Pairing
from dmmix.mixups.saliency import GradientSaliency, Saliency, SalientMix


class GuidedMixup(SalientMix):
    r"""GuidedMixup: each pixel from the image in which it is the more salient, smoothly, and
    partners whose salient regions do not collide.

    Args:
        alpha: ``None`` lets the saliency of both images count alike, as the paper does. A number
            above 0 draws :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`, the weight of the
            first one's.
        per_batch: one :math:`\lambda` a batch instead of one a sample, with ``alpha``.
        fixed_points: whether a sample may be paired with itself, with a random pairing.
        saliency: :class:`GradientSaliency`, of the loss in the pixels, by default (Guided-AP of the
            paper), which asks the model; or told from the image alone,
            :class:`SpectralResidualSaliency` (Guided-SR) or :class:`FineGrainedSaliency`.
        pairing: :class:`GreedyPairing`, by default, or :class:`RandomPairing`.
        kernel_size: side of the Gaussian filter that smooths the saliency, in pixels, odd; 1 for
            none.
        sigma: its standard deviation in pixels, above 0.

    Example::

        model = dict(mixup=dict(type='GuidedMixup'))
        # without asking the model, also in a stock mmpretrain config:
        model = dict(train_cfg=dict(augments=dict(
            type='dmmix.GuidedMixup', saliency=dict(type='SpectralResidualSaliency'))))

    Source: GuidedMixup (arXiv 2306.16612).
    """

    function = staticmethod(mixing.guidedmixup)
    usual_saliency = GradientSaliency

    class Draws(NamedTuple):
        lam: Tensor | None
        index: Tensor | None  # type: ignore[assignment]

    def __init__(
        self,
        alpha: Positive | None = None,
        per_batch: bool = False,
        fixed_points: bool = True,
        saliency: Mapping | Saliency | None = None,
        pairing: Mapping | Pairing | None = None,
        kernel_size: Count = 7,
        sigma: Positive = 3.0,
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points, saliency)
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {kernel_size}")
        pairing = GreedyPairing() if pairing is None else pairing
        what = "a pairing such as dict(type='RandomPairing')"
        self.pairing = build(pairing, Pairing, what)  # type: ignore[type-abstract]
        self.kernel_size = kernel_size
        self.sigma = float(sigma)

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Draws:
        lam = None if self.alpha is None else self.draw_lam(n, generator)
        return self.Draws(lam, self.pairing.draw(n, generator, self.fixed_points))

    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        saliency = self.saliency.of(images, answers)
        saliency = mixing.smooth_saliency(saliency, self.kernel_size, self.sigma)
        index = self.pairing.pair(saliency, draws.index)
        return self._call(images, labels, draws.lam, index, saliency)
