"""Mixing and the forward pass together, also where one needs the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Generator, Tensor

from dmmix.functional import Mixed, MixedLabels
from dmmix.mixups import Mix
from dmmix.models.classifier_guide import ClassifierGuide
from dmmix.models.rows import first_rows

__all__ = ["looks_inside", "mixed_feats"]


def looks_inside(mixup: Mix) -> bool:
    """Whether the mix asks the network what it sees, or acts in it."""
    return mixup.needs_guide or mixup.mixes_features


def mixed_feats(
    model: Any,
    mixup: Mix,
    images: Tensor,
    labels: MixedLabels | Tensor,
    generator: Generator | None = None,
    rows: int | None = None,
) -> tuple[tuple, MixedLabels | Tensor, Tensor | None]:
    """Features of mixed images, their labels, and weights of the samples if the mix has any.

    Args:
        model: an mmpretrain classifier.
        mixup: the mix.
        images, labels, generator: as :meth:`dmmix.mixups.Mix.mix` takes them.
        rows: only the first so many of the mixed samples. Where the mix does not look inside, only
            these go through the network.
    """
    draws = () if generator is None else (generator,)
    mix: Callable[..., Mixed] = mixup.mix
    if looks_inside(mixup):
        with ClassifierGuide(model).step() as guide:
            mixed = mix(images, labels, *draws, guide=guide)
            feats = model.extract_feat(mixed.images)
            labels = guide.settle(mixed.labels)
        if rows is not None:
            feats = first_rows(feats, rows)
    else:
        mixed = mix(images, labels, *draws)
        feats = model.extract_feat(mixed.images if rows is None else mixed.images[:rows])
        labels = mixed.labels
    weights = mixed.weights
    if rows is not None:
        labels, weights = labels[:rows], None if weights is None else weights[:rows]
    return feats, labels, weights
