"""PuzzleMix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import torch
from torch import Generator, Tensor

from dmmix.functional import mixing
from dmmix.functional.labels import Labels
from dmmix.functional.mixing import Mixed
from dmmix.functional.ranges import Count, Filled, NonNegative, Positive, Probability, Range
from dmmix.mixups.base import PairMix


class PuzzleMix(PairMix):
    r"""PuzzleMix: in each block the image that is salient there, and blocks moved to where they are
    seen; with :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)` as a prior of the share.

    What is salient is the norm of the gradient of each clean image's loss, asked of the model.

    Args:
        alpha: above 0. The decoupled mixup paper uses 2 under its loss and 1 on CIFAR-100 without.
        per_batch: one lam a batch instead of one a sample; masks are each sample's own in any case.
        fixed_points: whether a sample may be paired with itself.
        block_num: how many blocks a side; of several numbers one a step, at random.
        n_labels: how many parts of the first image a block may have; 2 cuts, more also blend.
        beta: how much blocks like to be as their neighbours are.
        gamma: how much of that depends on the pixels along the border.
        eta: weight of the prior.
        neigh_size: pixels are averaged over squares of this side before they are compared.
        transport: move the blocks.
        t_size: the side of what is moved, in pixels; ``None`` moves whole blocks.
        t_eps: what moving costs, above 0.
        pixel_range: what the brightest and the darkest pixel differ by, after normalisation;
            ``None`` takes each pair's own.

    Source: Puzzle Mix (arXiv 2009.06962).
    """

    function = staticmethod(mixing.puzzlemix)
    options = (
        *("n_labels", "beta", "gamma", "eta", "neigh_size"),
        *("transport", "t_size", "t_eps", "pixel_range"),
    )

    class Draws(NamedTuple):
        lam: Tensor
        index: Tensor  # type: ignore[assignment]
        block_num: int

    needs = frozenset({"saliency"})

    def __init__(
        self,
        alpha: Positive = 1.0,
        per_batch: bool = False,
        fixed_points: bool = True,
        block_num: Count | Annotated[Sequence[Count], Filled()] = (2, 4, 8, 16),
        n_labels: Annotated[int, Range(2)] = 3,
        beta: NonNegative = 1.2,
        gamma: Probability = 0.5,
        eta: NonNegative = 0.2,
        neigh_size: Count = 4,
        transport: bool = True,
        t_size: Count | None = None,
        t_eps: Positive = 0.8,
        pixel_range: Positive | None = None,
    ) -> None:
        super().__init__(alpha, per_batch, fixed_points)
        self.block_num = block_num if isinstance(block_num, int) else tuple(block_num)
        self.n_labels = n_labels
        self.beta = float(beta)
        self.gamma = float(gamma)
        self.eta = float(eta)
        self.neigh_size = neigh_size
        self.transport = transport
        self.t_size = t_size
        self.t_eps = float(t_eps)
        self.pixel_range = pixel_range

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Draws:
        return self.Draws(*self._draw_pair(n, generator), self._block_num(generator))

    def ask(self, guide: Any, images: Tensor, labels: Labels, draws: Any) -> Tensor:
        return guide.saliency(images, labels)

    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        lam, index, block_num = draws
        return self._call(images, labels, lam, index, answers, block_num=block_num)

    def _block_num(self, generator: Generator) -> int:
        if isinstance(self.block_num, int):
            return self.block_num
        chosen = torch.randint(len(self.block_num), (1,), generator=generator)
        return self.block_num[chosen.tolist()[0]]
