"""GuidedMixup, registered."""

from __future__ import annotations

from typing import Any, Literal

from torch import Generator, Tensor

from dmmix.functional import MixedLabels, mixing
from dmmix.functional.ranges import Count, Positive
from dmmix.functional.saliency import spectral_residual_saliency
from dmmix.functional.tensors.draws import to_device
from dmmix.mixups.base import PairMix
from dmmix.registry import MIXUPS

__all__ = ["GuidedMixup"]


@MIXUPS.register_module()
class GuidedMixup(PairMix):
    r"""GuidedMixup: each pixel from the image in which it is the more salient, smoothly, and
    partners whose salient regions do not collide.

    Args:
        alpha: ``None`` lets the saliency of both images count alike, as the paper does. A number
            above 0 draws :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`, the weight of the
            first one's.
        per_batch: one :math:`\lambda` a batch instead of one a sample, with ``alpha``.
        fixed_points: whether a sample may be paired with itself, with ``pairing='random'``.
        saliency: ``'gradient'``, of the loss in the pixels (Guided-AP of the paper), which asks the
            model; or ``'spectral_residual'``, told from the image alone (Guided-SR).
        pairing: ``'greedy'`` (:func:`dmmix.functional.greedy_pairing`) or ``'random'``.
        kernel_size: side of the Gaussian filter that smooths the saliency, in pixels, odd; 1 for
            none.
        sigma: its standard deviation in pixels, above 0.

    Raises:
        TypeError, ValueError: a bad ``alpha``, ``saliency``, ``pairing``, ``kernel_size`` or
            ``sigma``.

    Example::

        model = dict(mixup=dict(type='GuidedMixup'))
        # without asking the model, also in a stock mmpretrain config:
        model = dict(train_cfg=dict(augments=dict(
            type='dmmix.GuidedMixup', saliency='spectral_residual')))

    Source: GuidedMixup (arXiv 2306.16612).
    """

    follows_lam = False  # shares and, by default, partners follow from the saliency

    def __init__(
        self,
        alpha: Positive | None = None,
        per_batch: bool = False,
        fixed_points: bool = True,
        saliency: Literal["gradient", "spectral_residual"] = "gradient",
        pairing: Literal["greedy", "random"] = "greedy",
        kernel_size: Count = 7,
        sigma: Positive = 3.0,
    ) -> None:
        super().__init__(1.0 if alpha is None else alpha, per_batch, fixed_points)
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {kernel_size}")
        self.alpha = None if alpha is None else float(alpha)
        self.saliency = saliency
        self.pairing = pairing
        self.kernel_size = kernel_size
        self.sigma = float(sigma)

    @property
    def needs_guide(self) -> bool:
        return self.saliency == "gradient"

    def apply(
        self, images: Tensor, labels: MixedLabels | Tensor, generator: Generator, guide: Any
    ) -> mixing.Mixed:
        n, drawn = images.shape[0], []
        if self.alpha is not None:
            drawn.append(mixing.draw_lam(n, self.alpha, generator, self.per_batch))
        if self.pairing == "random":
            drawn.append(mixing.draw_pairing(n, generator, self.fixed_points))
        drawn = list(to_device(drawn, images.device))
        if self.saliency == "gradient":
            saliency = guide.saliency(images, labels)
        else:
            saliency = spectral_residual_saliency(images)
        saliency = mixing.smooth_saliency(saliency, self.kernel_size, self.sigma)
        index = drawn.pop() if self.pairing == "random" else mixing.greedy_pairing(saliency)
        lam = drawn.pop() if drawn else None
        out = self.buffer(images)
        return mixing.guidedmixup(images, labels, lam, index, saliency, out=out, check=False)
