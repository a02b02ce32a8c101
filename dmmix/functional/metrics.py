"""How well a network reads mixed samples."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dmmix.functional.labels import MixedLabels, as_mixed_labels
from dmmix.functional.losses.slots import merged_shares, plan_slots


class MixedAccuracy(NamedTuple):
    """(N,) bool each; ``mixed`` says which samples are mixtures of two classes or more."""

    top1: Tensor
    topk: Tensor
    mixed: Tensor


def mixed_accuracy(
    logits: Tensor, labels: MixedLabels | Tensor, min_share: float = 0.0
) -> MixedAccuracy:
    r"""Mixed accuracy of each sample.

    ``top1``: the highest prediction is one of the classes mixed in. ``topk``: the :math:`k`
    highest predictions are exactly the :math:`k` classes mixed in (for pairs: mixed top-2).
    For a sample of one class both are plain top-1.

    Args:
        logits: (N, C).
        labels: as in :func:`dmmix.functional.decoupled_mixup_terms`.
        min_share: a class is mixed in when its share is above this.

    Source: Decoupled Mixup (arXiv 2203.10761).
    """
    labels = as_mixed_labels(labels)
    if labels.classes.shape[1] == 2 and logits.shape[1] >= 2:
        return _accuracy_of_pairs(logits, labels, min_share)
    slots = plan_slots(labels, dtype=torch.float32, min_share=min_share)
    several = slots.mixed.any(dim=1)
    # A sample of one class: a slot of the class with the largest share stands for it.
    merged, _ = merged_shares(labels.classes, labels.shares)
    alone = torch.zeros_like(slots.mixed).scatter(1, merged.argmax(dim=1, keepdim=True), True)
    counts = torch.where(several[:, None], slots.once, alone)
    size = counts.sum(dim=1)
    width = min(labels.classes.shape[1], logits.shape[1])
    best = logits.topk(width, dim=1).indices
    hit = ((best[:, :, None] == labels.classes[:, None, :]) & counts[:, None, :]).any(dim=2)
    rank = torch.arange(width, device=logits.device)
    topk = (hit & (rank < size[:, None])).sum(dim=1) == size
    return MixedAccuracy(hit[:, 0], topk, several)


def _accuracy_of_pairs(logits: Tensor, labels: MixedLabels, min_share: float) -> MixedAccuracy:
    """The same for K = 2 with half the operations: it is measured in every training step."""
    classes, shares = labels.classes, labels.shares
    (first, second), (share, other) = classes.unbind(1), shares.unbind(1)
    several = (first != second) & (torch.minimum(share, other) > min_share)
    # [n, i, k]: the i-th highest prediction is the class of slot k.
    hit = logits.topk(2, dim=1).indices.unsqueeze(2) == classes.unsqueeze(1)
    best, following = hit.any(dim=2).unbind(1)
    of_first, of_second = hit[:, 0].unbind(1)
    alone = torch.where(share >= other, of_first, of_second)
    return MixedAccuracy(
        torch.where(several, best, alone),
        torch.where(several, best & following, alone),
        several,
    )
