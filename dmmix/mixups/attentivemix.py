"""Attentive CutMix."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Generator, Tensor

from dmmix.functional import Guide, Mixed, mixing
from dmmix.functional.labels import Labels
from dmmix.functional.ranges import Count, Positive, Range
from dmmix.functional.tensors.dtypes import share_dtype
from dmmix.mixups.base import PlainMix


class AttentiveMix(PlainMix):
    r"""Attentive CutMix: the cells of another image that the network looks at most, pasted.

    The attention is the mean of the last feature map over its channels (of its absolute value,
    for networks that do not end in a ReLU).

    Args:
        alpha: ``None`` pastes ``top_k`` cells into each image, as the paper does. A number above 0
            draws :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)` and pastes
            :math:`\operatorname{round}((1 - \lambda) g^2)` cells.
        per_batch: one share a batch instead of one a sample, with ``alpha``.
        fixed_points: whether a sample may be paired with itself.
        top_k: how many cells, in [0, grid * grid]; without ``alpha``. An image with fewer pixels a
            side than ``grid`` gets the same share of the cells that it has.
        grid: how many cells a side, 1 or more.
        guide: whom to ask instead of the model in training, which needs no guide then; the paper
            asks a network of its own, trained before.

    Source: Attentive CutMix (arXiv 2003.13048).
    """

    function = staticmethod(mixing.attentivemix)
    options = ("grid",)

    def __init__(
        self,
        alpha: Positive | None = None,
        per_batch: bool = False,
        fixed_points: bool = True,
        top_k: Annotated[int, Range(0)] = 6,
        grid: Count = 7,
        guide: Guide | None = None,
    ) -> None:
        super().__init__(1.0 if alpha is None else alpha, per_batch, fixed_points)
        self.alpha = None if alpha is None else float(alpha)
        if top_k > grid * grid:
            raise ValueError(f"top_k must be in [0, {grid * grid}] for grid={grid}, got {top_k}")
        if guide is not None and not isinstance(guide, Guide):
            raise TypeError(f"guide must be a dmmix.functional.Guide, got {type(guide).__name__}")
        self.top_k = top_k
        self.grid = grid
        self.guide = guide

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"features"} if self.guide is None else ())

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Any:
        if self.alpha is not None:
            return super().draw(n, size, generator)
        return self.Draws(None, self.draw_index(n, generator))

    def ask(self, guide: Any, images: Tensor, labels: Labels, draws: Any) -> Tensor:
        features = (guide if self.guide is None else self.guide).features(images)
        return features.abs().mean(1, dtype=share_dtype(features))

    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        if draws.lam is None:  # top_k cells: no share is drawn, and none can be changed
            kept = 1 - self.top_k / self.grid**2
            draws = draws._replace(lam=torch.full((1,), kept, device=images.device))
        return super().blend(images, labels, draws, answers)
