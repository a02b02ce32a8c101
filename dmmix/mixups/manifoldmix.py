"""ManifoldMix; and how mixes name the stages of a network."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple

import torch
from torch import Generator, Tensor

from dmmix.functional import mixing
from dmmix.functional.labels import Labels
from dmmix.functional.mixing import Mixed
from dmmix.functional.ranges import Filled, Positive, Range
from dmmix.mixups.base import PairMix

#: Divisible by all numbers up to 22: of so many stages, each is as likely.
_STAGE = math.lcm(*range(1, 23))

Stages = Annotated[Sequence[Annotated[int, Range(0)] | str], Filled()]


class StageMix(PairMix):
    """A mix of pairs at a stage of the network that is drawn each step.

    Args:
        alpha, per_batch, fixed_points: see :class:`PairMix`.
        stages: numbers, 0 for the images and ``k`` for what the ``k``-th stage returns, or names of
            modules; ``None`` leaves it to the method. One of them is drawn each step, all alike.

    Raises:
        TypeError: ``stages`` is no list, or has something else in it than integers and strings.
        ValueError: ``stages`` is empty, or has a negative number in it.
    """

    needs = frozenset({"stages"})
    function = staticmethod(mixing.mixup)

    def __init__(
        self,
        alpha: Positive = 2.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        stages: Stages | None = None,
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points)
        self.stages = None if stages is None else list(stages)

    def usual_stages(self, names: tuple[str, ...]) -> list[int | str]:
        """What ``stages=None`` means for a network with stages of these names."""
        raise NotImplementedError

    def draw_stage(self, generator: Generator) -> int:
        """A large number; the stage is the one at its remainder by how many there are, which only
        the model says."""
        return torch.randint(_STAGE, (1,), generator=generator).tolist()[0]

    def ask(self, guide: Any, images: Tensor, labels: Labels, draws: Any) -> str | None:
        """The name of the stage that was drawn, or ``None`` for the images.

        Raises:
            ValueError: a number or name that the network does not have; none are known.
        """
        stages = self.stages
        if stages is None:
            if not guide.stages:
                name = type(self).__name__
                raise ValueError(
                    f"{name} knows no stages of this network: name them in "
                    f"Guide(model, stages=[...]) or in {name}(stages=[...])"
                )
            stages = self.usual_stages(guide.stages)
        # All of them are looked up, so that a wrong one is an error in the first step.
        names = [self._name(stage, guide) for stage in stages]
        return names[draws.stage % len(names)]

    @abstractmethod
    def change(self, draws: Any, share: Tensor) -> Callable[[Tensor], Tensor]:
        """What becomes of the features of that stage, with (N,) shares of the first sample."""

    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        lam, index = draws.lam, draws.index
        if answers is None:
            return self._call(images, labels, lam, index)
        mixed = mixing.mix_later(images, labels, lam, index, check=False)
        change = self.change(draws, mixed.mask.flatten())
        return mixed._replace(inside=(mixing.Inside(answers, change),))

    def _name(self, stage: int | str, guide: Any) -> str | None:
        if stage == 0:
            return None
        if isinstance(stage, int):
            if stage > len(guide.stages):
                raise ValueError(
                    f"{type(self).__name__}: stages must be at most {len(guide.stages)}, the "
                    f"number that the guide knows ({list(guide.stages)}), got {stage}"
                )
            return guide.stages[stage - 1]
        guide.layers.module(stage)
        return stage


class ManifoldMix(StageMix):
    r"""Manifold mixup: :math:`\lambda f_i + (1 - \lambda) f_j` of the images or of the features
    after a stage of the network, with :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)` and the
    stage drawn each step.

    Args:
        alpha: above 0. Both the paper, on CIFAR, and the decoupled mixup paper use 2.
        per_batch, fixed_points: see :class:`PairMix`.
        stages: where to mix: numbers, 0 for the images and ``k`` for the ``k``-th stage of the
            backbone (of ``Guide(stages=...)``), or names of modules of the backbone. ``None`` is
            the images and the first two stages, as in the paper.

    Example::

        model = dict(type='MixupClassifier', mixup=dict(type='ManifoldMix', alpha=2.0))
        model = dict(type='MixupClassifier', mixup=dict(type='ManifoldMix', stages=[0, 'layer3']))

    Source: Manifold Mixup (arXiv 1806.05236).
    """

    class Draws(NamedTuple):
        lam: Tensor
        index: Tensor  # type: ignore[assignment]
        stage: int

    def usual_stages(self, names: tuple[str, ...]) -> list[int | str]:
        return [0, *names[:2]]

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Draws:
        return self.Draws(*self._draw_pair(n, generator), self.draw_stage(generator))

    def change(self, draws: Any, share: Tensor) -> Callable[[Tensor], Tensor]:
        return partial(mixing.mix_features, lam=share, index=draws.index, check=False)
