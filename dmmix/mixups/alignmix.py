"""AlignMix."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from dmmix.functional import mixing
from dmmix.functional.ranges import Count, Positive
from dmmix.mixups.manifoldmix import StageMix, Stages


class AlignMix(StageMix):
    r"""AlignMixup: Mixup of the images, or of feature maps of which one is laid over the other by
    optimal transport, drawn each step; :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`.

    Which of the two maps keeps its places is drawn for each sample.

    Args:
        alpha: above 0. Both the paper and the decoupled mixup paper use 2.
        per_batch, fixed_points: see :class:`PairMix`.
        stages: where to mix, see :class:`ManifoldMix`; those other than 0 must return (N, D, h, w)
            maps. ``None`` is the images and the last stage, as in the paper.
        epsilon: weight of the entropy of the transport, above 0.
        iterations: of Sinkhorn's algorithm, always all of them.

    Example::

        model = dict(type='MixupClassifier', mixup=dict(type='AlignMix', alpha=2.0))

    Source: AlignMixup (arXiv 2103.15375).
    """

    class Draws(NamedTuple):
        lam: Tensor
        index: Tensor  # type: ignore[assignment]
        stage: int
        keep: Tensor

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
        return [0, names[-1]]

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Draws:
        pair, stage = self._draw_pair(n, generator), self.draw_stage(generator)
        keep = torch.rand(1 if self.per_batch else n, generator=generator) < 0.5
        return self.Draws(*pair, stage, keep)

    def change(self, draws: Any, share: Tensor) -> Callable[[Tensor], Tensor]:
        # What is not to be mixed stays at its own places.
        return partial(
            mixing.align_features,
            lam=share,
            index=draws.index,
            keep=draws.keep | (share >= 1),
            epsilon=self.epsilon,
            iterations=self.iterations,
            check=False,
        )
