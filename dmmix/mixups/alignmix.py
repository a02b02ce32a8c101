"""AlignMix, registered."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from dmmix.functional import MixedLabels, mixing
from dmmix.functional.ranges import Count, Positive
from dmmix.functional.tensors.draws import to_device
from dmmix.mixups.manifoldmix import StageMix, Stages
from dmmix.registry import MIXUPS

__all__ = ["AlignMix"]


@MIXUPS.register_module()
class AlignMix(StageMix):
    r"""AlignMixup: Mixup of the images, or of feature maps of which one is laid over the other by
    optimal transport, drawn each step; :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`.

    Which of the two maps keeps its places is drawn for each sample.

    Args:
        alpha: above 0. Both the paper and the decoupled mixup paper use 2.
        per_batch: one share and one direction a batch instead of one a sample.
        fixed_points: whether a sample may be paired with itself.
        stages: where to mix, see :class:`ManifoldMix`; those other than 0 must return (N, D, h, w)
            maps. ``None`` is the images and the last stage, as in the paper.
        epsilon: weight of the entropy of the transport, above 0.
        iterations: of Sinkhorn's algorithm, always all of them.

    Raises:
        TypeError, ValueError: a bad ``alpha``, ``stages``, ``epsilon`` or ``iterations``.

    Example::

        model = dict(type='MixupClassifier', mixup=dict(type='AlignMix', alpha=2.0))

    Source: AlignMixup (arXiv 2103.15375).
    """

    def __init__(
        self,
        alpha: Positive = 2.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        stages: Stages | None = None,
        epsilon: Positive = 0.1,
        iterations: Count = 100,
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points, stages)
        self.epsilon = float(epsilon)
        self.iterations = iterations

    def usual_stages(self, names: tuple[str, ...]) -> list[int | str]:
        if not names:
            raise ValueError(
                "AlignMix knows no stages of this network: name them in "
                "Guide(model, stages=[...]) or in AlignMix(stages=[...])"
            )
        return [0, names[-1]]

    def apply(
        self, images: Tensor, labels: MixedLabels | Tensor, generator: Generator, guide: Any
    ) -> mixing.Mixed:
        n = images.shape[0]
        lam, index = self.draw_pair(images, generator)
        stage = self.draw_stage(guide, generator)
        if stage is None:
            return mixing.mixup(images, labels, lam, index, out=self.buffer(images), check=False)
        keep = torch.rand(1 if self.per_batch else n, generator=generator) < 0.5
        (keep,) = to_device([keep.expand(n).contiguous()], images.device)
        mixed = mixing.mix_later(images, labels, lam, index, check=False)
        share = guide.among_rows(mixed.mask.flatten())
        # What is not to be mixed stays at its own places.
        keep = keep | (share >= 1)

        def align(features: Tensor) -> Tensor:
            return mixing.align_features(
                features,
                share,
                index,
                keep,
                epsilon=self.epsilon,
                iterations=self.iterations,
                check=False,
            )

        guide.mix_features(stage, align)
        return mixed
