"""Attentive CutMix, registered."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Generator, Tensor

from dmmix.functional import Guide, MixedLabels, mixing
from dmmix.functional.ranges import Count, Positive, Range
from dmmix.functional.tensors.draws import to_device
from dmmix.mixups.base import PairMix
from dmmix.registry import MIXUPS

__all__ = ["AttentiveMix"]


@MIXUPS.register_module()
class AttentiveMix(PairMix):
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

    Raises:
        TypeError, ValueError: a bad ``alpha``, ``top_k``, ``grid`` or ``guide``.

    Example::

        model = dict(mixup=dict(type='AttentiveMix', top_k=6))

    Source: Attentive CutMix (arXiv 2003.13048).
    """

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
        if top_k > grid * grid:
            raise ValueError(f"top_k must be in [0, {grid * grid}] for grid={grid}, got {top_k}")
        if guide is not None and not isinstance(guide, Guide):
            raise TypeError(f"guide must be a dmmix.functional.Guide, got {type(guide).__name__}")
        self.alpha = None if alpha is None else float(alpha)
        self.top_k = top_k
        self.grid = grid
        self.guide = guide

    @property
    def follows_lam(self) -> bool:
        return self.alpha is not None

    @property
    def needs_guide(self) -> bool:
        return self.guide is None

    def apply(
        self, images: Tensor, labels: MixedLabels | Tensor, generator: Generator, guide: Any
    ) -> mixing.Mixed:
        lam, index = self._draw(images, generator)
        features = (guide if self.guide is None else self.guide).features(images)
        dtype = torch.promote_types(features.dtype, torch.float32)
        attention = features.abs().mean(1, dtype=dtype)
        out = self.buffer(images)
        return mixing.attentivemix(
            images, labels, lam, index, attention, grid=self.grid, out=out, check=False
        )

    def _draw(self, images: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        if self.alpha is not None:
            return self.draw_pair(images, generator)
        n = images.shape[0]
        index = mixing.draw_pairing(n, generator, self.fixed_points)
        (index,) = to_device([index], images.device)
        kept = 1 - self.top_k / self.grid**2
        return torch.full((n,), kept, device=images.device), index
