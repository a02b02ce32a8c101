"""What a mix returns."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dmmix.functional.labels import MixedLabels
from dmmix.functional.mixing.blend import blend_labels, prepare_labels, where_labels
from dmmix.functional.tensors.checks import check_images
from dmmix.functional.tensors.dtypes import share_dtype

__all__ = ["Mixed", "per_sample", "unmixed"]


class Mixed(NamedTuple):
    """Mixed images and what is in them.

    Attributes:
        images: (N, ch, H, W) (of :func:`mixup` any axes), a new tensor in the dtype and memory
            format of the input.
        labels: :class:`MixedLabels` (N, 2K), or dense (N, C) if that is what went in. They carry
            the share that each image got, not the one that was asked for.
        mask: share of the first image at each pixel, broadcastable to ``images``: floats
            (N, 1, 1, 1) for mixup, bools (N, 1, H, W) for cut and paste.
        weights: (N,) weights of the samples in the loss; ``None``: each counts once.
    """

    images: Tensor
    labels: MixedLabels | Tensor
    mask: Tensor
    weights: Tensor | None = None

    @classmethod
    def where(cls, condition: Tensor, first: Mixed, second: Mixed) -> Mixed:
        """Sample by sample, ``first`` where the (N,) bool ``condition`` holds, else ``second``."""
        samples = per_sample(condition, first.images)
        weights = None
        if first.weights is not None or second.weights is not None:
            weights = torch.where(condition, first._weights(), second._weights())
        return cls(
            torch.where(samples, first.images, second.images),
            where_labels(condition, first.labels, second.labels),
            torch.where(samples, first.mask, second.mask),
            weights,
        )

    def _weights(self) -> Tensor:
        if self.weights is not None:
            return self.weights
        n = self.images.shape[0]
        return torch.ones(n, dtype=share_dtype(self.images), device=self.images.device)


def per_sample(values: Tensor, images: Tensor) -> Tensor:
    """(N,) values as (N, 1, ...), with as many axes as the images have."""
    return values.view(-1, *[1] * (images.ndim - 1))


def unmixed(images: Tensor, labels: MixedLabels | Tensor, *, check: bool | None = None) -> Mixed:
    """The samples as they are, in the form that a mix returns.

    Each sample is the mix of itself with itself, all of it the first. So the labels have as many
    slots as those of a pair, and a batch that is left alone has the shapes of one that is mixed.

    Args:
        images: (N, ch, H, W), or (N, ...); returned as they are, not copied.
        labels: as for :func:`mixup`.
        check: see :func:`mixup`.

    Raises:
        TypeError, ValueError: see :func:`mixup`.
    """
    check_images(images, any_axes=True)
    labels = prepare_labels(labels, images, check)
    n = images.shape[0]
    share = torch.ones(n, dtype=share_dtype(images), device=images.device)
    mask = per_sample(torch.ones(n, dtype=torch.bool, device=images.device), images)
    return Mixed(images, blend_labels(labels, labels, share), mask)
