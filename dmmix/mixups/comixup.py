"""Co-Mixup."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Generator, Tensor

from dmmix.functional import mixing
from dmmix.functional.labels import Labels
from dmmix.functional.mixing import Mixed
from dmmix.functional.ranges import Count, NonNegative, Positive
from dmmix.mixups.base import Mix


class CoMixup(Mix):
    r"""Co-Mixup: as many images as go in, each put together of the salient blocks of several.

    Args:
        alpha: above 0; the prior of each output over the images of its group is
            :math:`\mathrm{Dirichlet}(\alpha, \dots)`.
        partition: the largest size of a group, of whose images outputs are put together.
        blocks: rows and columns of blocks.
        sources: how many images an output is put together of at most.
        beta: cost of a border between blocks of different images, 0 or more.
        gamma: cost of using an image too often, 0 or more.
        eta: weight of the prior, 0 or more.
        threshold: how much of an image the other outputs may use for free, 0 or more.
        iterations: how many times each output is chosen anew.
        starts: from how many random starts, of which the best result counts.

    Source: Co-Mixup (arXiv 2102.03065).
    """

    function = staticmethod(mixing.comixup)
    options = ("sources", "beta", "gamma", "eta", "threshold", "iterations")

    class Draws(NamedTuple):
        order: Tensor
        start: Tensor
        prior: Tensor

    needs = frozenset({"saliency"})

    def __init__(
        self,
        alpha: Positive = 2.0,
        partition: Count = 20,
        blocks: Count = 4,
        sources: Count = 4,
        beta: NonNegative = 0.32,
        gamma: NonNegative = 1.0,
        eta: NonNegative = 0.05,
        threshold: NonNegative = 0.83,
        iterations: Count = 3,
        starts: Count = 4,
    ) -> None:
        super().__init__()
        self.alpha = float(alpha)
        self.partition = partition
        self.blocks = blocks
        self.sources = sources
        self.beta = beta
        self.gamma = gamma
        self.eta = eta
        self.threshold = threshold
        self.iterations = iterations
        self.starts = starts

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Draws:
        how = self.alpha, self.partition, self.blocks, self.starts
        return self.Draws(*mixing.draw_comixup(n, generator, *how))

    def ask(self, guide: Any, images: Tensor, labels: Labels, draws: Any) -> Tensor:
        return guide.saliency(images, labels)

    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        return self._call(images, labels, answers, *draws)
