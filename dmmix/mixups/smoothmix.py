"""SmoothMix, registered."""

from __future__ import annotations

from torch import Generator, Tensor

from dmmix.functional import MixedLabels, mixing
from dmmix.functional.ranges import Positive, PositiveBounds
from dmmix.functional.tensors.draws import to_device
from dmmix.mixups.base import DrawnMix
from dmmix.registry import MIXUPS

__all__ = ["SmoothMix"]


@MIXUPS.register_module()
class SmoothMix(DrawnMix):
    r"""SmoothMix: a soft round spot of another image, at a uniform place.

    Args:
        alpha: ``None`` draws the width of the spot, as the paper does; the share follows from
            width and place. A number above 0 draws
            :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)` and finds the width that gives it.
        per_batch: one spot a batch instead of one a sample.
        fixed_points: whether a sample may be paired with itself.
        sigma: smallest and largest width, uniform between them, as fractions of height and width;
            without ``alpha``.

    Raises:
        TypeError, ValueError: a bad ``alpha`` or ``sigma``.

    Example::

        model = dict(mixup=dict(type='SmoothMix'))
        # in a stock mmpretrain config:
        model = dict(train_cfg=dict(augments=dict(type='dmmix.SmoothMix')))

    Source: SmoothMix: a Simple Yet Effective Data Augmentation to Train Robust Classifiers (CVPR
    Workshops 2020).
    """

    def __init__(
        self,
        alpha: Positive | None = None,
        per_batch: bool = False,
        fixed_points: bool = True,
        sigma: PositiveBounds = (0.25, 0.5),
    ) -> None:
        super().__init__(1.0 if alpha is None else alpha, per_batch, fixed_points)
        self.alpha = None if alpha is None else float(alpha)
        self.sigma = float(sigma[0]), float(sigma[1])

    @property
    def follows_lam(self) -> bool:
        return self.alpha is not None

    def draw(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        n = images.shape[0]
        if self.alpha is None:
            width = mixing.draw_sigma(n, *self.sigma, generator, self.per_batch)
            index = mixing.draw_pairing(n, generator, self.fixed_points)
            width, index = to_device([width, index], images.device)
        else:
            width, index = self.draw_pair(images, generator)
        centers = mixing.draw_centers(n, generator, self.per_batch)
        (centers,) = to_device([centers], images.device)
        return width, index, centers

    def blend(self, images: Tensor, labels: MixedLabels | Tensor, *drawn: Tensor) -> mixing.Mixed:
        width, index, centers = drawn
        lam, sigma = (None, width) if self.alpha is None else (width, None)
        out = self.buffer(images)
        return mixing.smoothmix(
            images, labels, lam, index, centers, sigma=sigma, out=out, check=False
        )
