"""What a mix returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dmmix.functional.labels import Labels
from dmmix.functional.mixing.blend import (
    blend_labels,
    join_labels,
    prepare_labels,
    share_labels,
    where_labels,
)
from dmmix.functional.tensors.checks import check_images
from dmmix.functional.tensors.dtypes import share_dtype


class Mixed(NamedTuple):
    """Mixed images and what is in them.

    Attributes:
        images: (N, ch, H, W) (of :func:`mixup` any axes), a new tensor in the dtype and memory
            format of the input.
        labels: :class:`MixedLabels` (N, 2K), or dense (N, C) if that is what went in. They carry
            the share that each image got, not the one that was asked for.
        index: what went in: (N,) rows of the partners in a mix of pairs, whose first images are
            those of the same row, or (N, K) rows of all K images.
        mask: share of the first image at each pixel, broadcastable to ``images``: floats
            (N, 1, 1, 1) for mixup, bools (N, 1, H, W) for cut and paste. Of more than two images
            (N, K, H, W), the share of each.
        weights: (N,) weights of the samples in the loss; ``None``: each counts once.
        inside: what is to be done in the network, see :class:`Inside`.
        watched: what is to be seen in the network, see :class:`Watched`.
    """

    images: Tensor
    labels: Labels
    index: Tensor  # type: ignore[assignment]  # not that of a tuple
    mask: Tensor
    weights: Tensor | None = None
    inside: tuple[Inside, ...] = ()
    watched: tuple[Watched, ...] = ()

    @property
    def sources(self) -> Tensor:
        """(N, K), the rows of the batch that went into each sample."""
        if self.index.ndim > 1:
            return self.index
        own = torch.arange(len(self.index), dtype=self.index.dtype, device=self.index.device)
        return torch.stack([own, self.index], 1)

    @property
    def planes(self) -> Tensor:
        """How much of each pixel is of which of :attr:`sources`, (N, K, H, W) or what broadcasts to
        it; the K sum to 1."""
        if self.index.ndim > 1 and self.mask.shape[1] == self.index.shape[1]:
            return self.mask
        rest = ~self.mask if self.mask.dtype == torch.bool else 1 - self.mask
        return torch.cat([self.mask, rest], 1)

    @classmethod
    def where(cls, condition: Tensor, first: Mixed, second: Mixed) -> Mixed:
        """Sample by sample, ``first`` where the (N,) bool ``condition`` holds, else ``second``."""
        samples = per_sample(condition, first.images)
        weights = None
        if first.weights is not None or second.weights is not None:
            weights = torch.where(condition, first._weights(), second._weights())
        one, other = _alike(first, second)
        rows = condition if one.index.ndim == 1 else condition[:, None]
        return cls(
            torch.where(samples, first.images, second.images),
            where_labels(condition, first.labels, second.labels),
            torch.where(rows, one.index, other.index),
            torch.where(samples, one.mask, other.mask),
            weights,
            (*_only(first.inside, condition), *_only(second.inside, ~condition)),
            (*_only(first.watched, condition), *_only(second.watched, ~condition)),
        )

    def _weights(self) -> Tensor:
        if self.weights is not None:
            return self.weights
        n = self.images.shape[0]
        return torch.ones(n, dtype=share_dtype(self.images), device=self.images.device)


class Inside(NamedTuple):
    """A change of what a module returns in the forward pass of the mixed images.

    Attributes:
        module: its name, as the guide knows it.
        change: from the features of the samples to mixed ones, (n, ...) both.
        rows: (n,) bools, which samples are changed; ``None``: all.
        start: which samples of the pass they are: the n from this row on.
    """

    module: str
    change: Callable[[Tensor], Tensor]
    rows: Tensor | None = None
    start: int = 0


class Watched(NamedTuple):
    """Shares that follow from what the network does with the mixed images.

    Attributes:
        rule: has ``watches``, the question that the forward pass answers (``'attention'``), and
            ``settle(mixed, seen)``, the (n, K) shares.
        labels: prepared, of the images that went in.
        mixed: what the mix made of them.
        rows, start: as of :class:`Inside`.
    """

    rule: Any
    labels: Labels
    mixed: Mixed
    rows: Tensor | None = None
    start: int = 0

    def settle(self, labels: Labels, seen: Tensor) -> Labels:
        """The labels of all samples of the pass, of which these are told anew."""
        shares = self.rule.settle(self.mixed, seen[self.start :])
        told = share_labels(self.labels, self.mixed.sources, shares)
        if self.rows is not None:
            told = where_labels(self.rows, told, labels[self.start :])
        if self.start == 0:
            return told
        return join_labels(labels[: self.start], told)


def per_sample(values: Tensor, images: Tensor) -> Tensor:
    """(N,) values as (N, 1, ...), with as many axes as the images have."""
    return values.view(-1, *[1] * (images.ndim - 1))


def unmixed(images: Tensor, labels: Labels, *, check: bool | None = None) -> Mixed:
    """The samples as they are, in the form that a mix returns.

    Each sample is the mix of itself with itself, all of it the first. So the labels have as many
    slots as those of a pair, and a batch that is left alone has the shapes of one that is mixed.

    Args:
        images: (N, ch, H, W), or (N, ...); returned as they are, not copied.
        labels, check, errors: see :func:`mixup`.
    """
    check_images(images, any_axes=True)
    labels = prepare_labels(labels, images, check)
    n = images.shape[0]
    share = torch.ones(n, dtype=share_dtype(images), device=images.device)
    mask = per_sample(torch.ones(n, dtype=torch.bool, device=images.device), images)
    own = torch.arange(n, device=images.device)
    return Mixed(images, blend_labels(labels, labels, share), own, mask)


def _alike(first: Mixed, second: Mixed) -> tuple[Mixed, Mixed]:
    """Both as mixes of as many images."""
    if first.index.ndim == second.index.ndim == 1:
        return first, second
    k = max(first.sources.shape[1], second.sources.shape[1])
    return _of(k, first), _of(k, second)


def _of(k: int, mixed: Mixed) -> Mixed:
    sources, planes = mixed.sources, mixed.planes
    missing = k - sources.shape[1]
    if missing:
        sources = torch.cat([sources, sources[:, :1].expand(-1, missing)], 1)
        planes = torch.cat([planes, *[torch.zeros_like(planes[:, :1])] * missing], 1)
    return mixed._replace(index=sources, mask=planes)


def _only(parts: tuple, rows: Tensor) -> tuple:
    """What is asked for within the network, for these of the samples alone."""
    return tuple(
        part._replace(rows=rows if part.rows is None else part.rows & rows) for part in parts
    )
