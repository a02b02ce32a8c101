"""FMix, registered."""

from __future__ import annotations

from typing import Annotated, Literal

from torch import Generator, Tensor

from dmmix.functional import MixedLabels, mixing
from dmmix.functional.ranges import Count, NonNegative, Positive, Range
from dmmix.functional.tensors.draws import to_device
from dmmix.mixups.base import DrawnMix
from dmmix.registry import MIXUPS

__all__ = ["FMix"]


@MIXUPS.register_module()
class FMix(DrawnMix):
    r"""FMix: a mask of any shape, cut from low-frequency noise, with
    :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`.

    Args:
        alpha: above 0. The decoupled mixup paper uses 0.2, with its loss and without.
        per_batch: one share and one mask a batch instead of one a sample.
        fixed_points: whether a sample may be paired with itself.
        decay_power: 0 or more, how fast high frequencies fade: the larger, the smoother the mask.
        max_soft: in [0, 0.5], softens the edges of the mask (see :func:`dmmix.functional.fmix`).
        band: which frequencies the noise has. ``'auto'``: the lowest, with all but about 1e-4 of
            its power, where those are few enough to save time, else all; ``'full'``: all, as in the
            paper; an int: up to so many waves along the longer side
            (see :func:`dmmix.functional.draw_noise`).

    Raises:
        TypeError, ValueError: a bad ``alpha``, ``decay_power``, ``max_soft`` or ``band``.

    Example::

        model = dict(mixup=dict(type='FMix', alpha=0.2))
        # in a stock mmpretrain config:
        model = dict(train_cfg=dict(augments=dict(type='dmmix.FMix', alpha=1.0)))

    Source: FMix: Enhancing Mixed Sample Data Augmentation (arXiv 2002.12047).
    """

    def __init__(
        self,
        alpha: Positive = 1.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        decay_power: NonNegative = 3.0,
        max_soft: Annotated[float, Range(0, 0.5)] = 0.0,
        band: Count | Literal["auto", "full"] = "auto",
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points)
        self.decay_power = float(decay_power)
        self.max_soft = float(max_soft)
        self.band = band

    def draw(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        n, size = images.shape[0], (images.shape[-2], images.shape[-1])
        lam, index = self.draw_pair(images, generator)
        noise = mixing.draw_noise(n, size, generator, self.per_batch, self.band, self.decay_power)
        (noise,) = to_device([noise], images.device)
        if self.per_batch:
            lam = lam[:1].expand(n)  # the function sees that they are one, and makes one mask
        return lam, index, noise

    def blend(self, images: Tensor, labels: MixedLabels | Tensor, *drawn: Tensor) -> mixing.Mixed:
        return mixing.fmix(
            images,
            labels,
            *drawn,
            decay_power=self.decay_power,
            max_soft=self.max_soft,
            out=self.buffer(images),
            check=False,
        )
