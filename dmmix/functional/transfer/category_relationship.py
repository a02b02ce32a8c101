"""Which classes of the old task a class of the new one looks like."""

from __future__ import annotations

import torch
from torch import Tensor

from dmmix.functional.tensors.dtypes import at_least_float32

__all__ = ["category_relationship", "co_tuning_cross_entropy"]


def category_relationship(source_probs: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    r"""Direct estimate of :math:`p(y_s \mid y_t)`: the mean prediction of the old classifier over
    the images of each new class.

    Args:
        source_probs: (N, S) predictions of the pretrained classifier, calibrated.
        labels: (N,) new classes, from 0 to ``num_classes - 1``.
        num_classes: T, at least 1.

    Returns:
        (T, S), rows sum to 1, in float32 at least.

    Raises:
        ValueError: a wrong shape; a label out of range; a class without an image.

    Source: Co-Tuning for transfer learning (NeurIPS 2020), section 3.2.
    """
    if source_probs.ndim != 2 or labels.shape != source_probs.shape[:1]:
        raise ValueError(
            f"source_probs must be (N, S) and labels (N,), got {tuple(source_probs.shape)} and "
            f"{tuple(labels.shape)}"
        )
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, got {num_classes}")
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if len(wrong):
        raise ValueError(f"labels must be from 0 to {num_classes - 1}, got {int(wrong[0])}")
    source_probs = at_least_float32(source_probs)
    sums = source_probs.new_zeros(num_classes, source_probs.shape[1])
    sums = sums.index_add(0, labels, source_probs)
    counts = torch.bincount(labels, minlength=num_classes)
    empty = (counts == 0).nonzero()[:, 0].tolist()
    if empty:
        raise ValueError(f"class {empty[0]} has no image, {len(empty)} of {num_classes} have none")
    return sums / counts[:, None].to(sums.dtype)


def co_tuning_cross_entropy(source_logits: Tensor, labels: Tensor, relationship: Tensor) -> Tensor:
    r"""Mean cross entropy of the old classifier with what the new label says about its classes,
    :math:`-\sum_s p(y_s \mid y_t) \log \mathrm{softmax}(z)_s`.

    Args:
        source_logits: (N, S); in float32 at least from here on.
        labels: (N,) new classes.
        relationship: (T, S) of :func:`category_relationship`; it gets no gradient.

    Raises:
        ValueError: a wrong shape.

    Source: Co-Tuning for transfer learning (NeurIPS 2020), equation 2.
    """
    if source_logits.ndim != 2 or source_logits.shape[1:] != relationship.shape[1:]:
        raise ValueError(
            f"source_logits must be (N, {relationship.shape[1]}) like the relationship, got "
            f"{tuple(source_logits.shape)}"
        )
    if labels.shape != source_logits.shape[:1]:
        raise ValueError(f"labels must be ({len(source_logits)},), got {tuple(labels.shape)}")
    z = at_least_float32(source_logits)
    target = relationship.detach().index_select(0, labels).to(z.dtype)
    return -(target * z.log_softmax(dim=1)).sum(dim=1).mean()
