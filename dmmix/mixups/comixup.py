"""Co-Mixup, registered."""

from __future__ import annotations

from typing import Any

from torch import Generator, Tensor

from dmmix.functional import MixedLabels, mixing
from dmmix.functional.ranges import Count, NonNegative, Positive
from dmmix.functional.tensors.draws import to_device
from dmmix.mixups.base import Mix
from dmmix.registry import MIXUPS

__all__ = ["CoMixup"]


@MIXUPS.register_module()
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

    Raises:
        TypeError, ValueError: an argument of another type, or out of its range.

    Example::

        model = dict(mixup=dict(type='CoMixup', alpha=2.0))

    Source: Co-Mixup (arXiv 2102.03065).
    """

    needs_guide = True

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

    def apply(
        self, images: Tensor, labels: MixedLabels | Tensor, generator: Generator, guide: Any
    ) -> mixing.Mixed:
        draws = mixing.draw_comixup(
            images.shape[0], generator, self.alpha, self.partition, self.blocks, self.starts
        )
        order, start, prior = to_device(draws, images.device)
        return mixing.comixup(
            images,
            labels,
            guide.saliency(images, labels),
            order,
            start,
            prior,
            sources=self.sources,
            beta=self.beta,
            gamma=self.gamma,
            eta=self.eta,
            threshold=self.threshold,
            iterations=self.iterations,
            out=self.buffer(images),
            check=False,
        )
