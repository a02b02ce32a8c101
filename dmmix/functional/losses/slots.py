"""What the losses need to know of each (sample, slot) before they read a single logit."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

from dmmix.functional.labels import MixedLabels
from dmmix.functional.shares import rescale_share

Decouple = Literal["all", "more", "less"]


class Slots(NamedTuple):
    """All (N, K) but ``smoothing`` (N,); the terms of a sample follow from these and its logits.

    With ``o`` the log-sum-exp over the classes that are *not* ``mixed``, and ``lse`` over all:
    ``mixup = sum_k target_k (lse - z_k) + smoothing term`` and
    ``decoupled = sum_k keep_k softplus(o - z_k)``.
    """

    classes: Tensor  #: int64
    target: Tensor  #: weight of -log p_k in the mixup cross entropy
    keep: Tensor  #: weight of the decoupled term of the slot, 0 where it has none
    mixed: Tensor  #: bool, the slot's class is left out of ``o``
    once: Tensor  #: bool, as ``mixed``, but each class in one slot only
    smoothing: Tensor | None  #: share of the label that is even over all classes


def plan_slots(
    labels: MixedLabels,
    dtype: torch.dtype,
    decouple: Decouple | Tensor = "all",
    rescale: tuple[float, float] | None = None,
    min_share: float = 0.0,
    label_smoothing: float = 0.0,
    class_weight: Tensor | None = None,
) -> Slots:
    """See :func:`dmmix.functional.decoupled_mixup_terms` for the arguments."""
    classes = labels.classes
    shares = labels.shares.to(dtype)
    if classes.shape[1] <= 2:
        merged, mixed, once, wanted = _mixed_in_pair(classes, shares, min_share, decouple)
    else:
        merged, mixed, once, wanted = _mixed_in_many(classes, shares, min_share, decouple)
    keep = (once if wanted is None else once & wanted).to(dtype)
    if rescale is not None:
        keep = keep * rescale_share(merged, *rescale)

    smoothing = None if labels.smoothing is None else labels.smoothing.to(dtype)
    if label_smoothing:
        # Smoothing of an already smoothed label: what stays sharp is the product.
        sharp = 1 - label_smoothing
        if smoothing is None:
            smoothing = shares.new_full((len(labels),), label_smoothing)
        else:
            smoothing = 1 - (1 - smoothing) * sharp
    target = shares if smoothing is None else shares * (1 - smoothing)[:, None]
    if class_weight is not None:
        weight = class_weight.to(dtype)[classes]
        target, keep = target * weight, keep * weight
    return Slots(classes, target, keep, mixed, once, smoothing)


def _mixed_in_many(
    classes: Tensor, shares: Tensor, min_share: float, decouple: Decouple | Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Merged shares, ``mixed``, ``once`` and what ``decouple`` keeps of it, for any K."""
    merged, same = _merged(classes, shares)
    # A class is mixed in when its share is above min_share; one class alone is no mixture.
    first = ~same.tril(diagonal=-1).any(dim=2)
    once = (merged > min_share) & first
    once = once & (once.sum(dim=1, keepdim=True) >= 2)
    mixed = (same & once[:, None, :]).any(dim=2)
    if isinstance(decouple, Tensor):
        return merged, mixed, once, (same & decouple[:, None, :]).any(dim=2)
    return merged, mixed, once, _side(decouple, merged, once)


def _mixed_in_pair(
    classes: Tensor, shares: Tensor, min_share: float, decouple: Decouple | Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """The same for K = 1, where nothing is mixed, and K = 2, which is either a mixture of two
    different classes or none: shares need no merging then, and less is computed."""
    if classes.shape[1] == 1:
        once = torch.zeros_like(classes, dtype=torch.bool)
    else:
        # By the same operations as the mixed accuracy after it, which finds them in the cache.
        (first, second), (share, other) = classes.unbind(1), shares.unbind(1)
        several = (first != second) & (torch.minimum(share, other) > min_share)
        once = several.unsqueeze(1).expand(-1, 2)
    wanted = decouple if isinstance(decouple, Tensor) else _side(decouple, shares, once)
    return shares, once, once, wanted


def merged_shares(classes: Tensor, shares: Tensor) -> tuple[Tensor, Tensor | None]:
    """Share of each slot's class over all slots that hold it, and which slots hold the same.

    The (N, K, K) table of equal classes is ``None`` for K = 1.
    """
    if classes.shape[1] == 1:
        return shares, None
    return _merged(classes, shares)


def _merged(classes: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    same = classes[:, :, None] == classes[:, None, :]
    return (same * shares[:, None, :]).sum(dim=2), same


def _side(side: str, merged: Tensor, once: Tensor) -> Tensor | None:
    """The classes with the largest (or smallest) share among those mixed in; ties keep all."""
    if side == "all":
        return None
    if side == "more":
        return merged == merged.masked_fill(~once, -torch.inf).amax(dim=1, keepdim=True)
    return merged == merged.masked_fill(~once, torch.inf).amin(dim=1, keepdim=True)
