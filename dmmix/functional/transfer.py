"""The maths of transfer methods, in plain PyTorch."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dmmix.functional.tensors.checks import check_positive, check_rows
from dmmix.functional.tensors.dtypes import at_least_float32, share_dtype

__all__ = [
    "batch_spectral_shrinkage",
    "category_relationship",
    "co_tuning_cross_entropy",
    "pseudo_group_contrast",
]


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


def pseudo_group_contrast(
    query: Tensor,
    key: Tensor,
    queue: Tensor,
    valid: Tensor,
    labels: Tensor,
    temperature: float = 0.07,
) -> Tensor:
    r"""Pseudo group contrast (PGC): all keys of the query's class are positives.

    With :math:`k_0` the key of the query's own image, :math:`k_1 \dots k_D` those of class
    :math:`y` in the queue,

    .. math::
        L = -\frac{1}{D + 1} \sum_{d=0}^{D} \log
            \frac{\exp(q \cdot k_d / \tau)}
                 {\exp(q \cdot k_0 / \tau) + \sum_c \sum_j \exp(q \cdot k_j^c / \tau)}

    A wrong pseudo-label does less harm than in a cross entropy: it names a group, not a target.

    Args:
        query: (N, E), usually of length 1.
        key: (N, E) keys of the same images; no gradient goes into keys and queue.
        queue: (C, D, E) keys of each class.
        valid: (C, D) bools, which of them are there.
        labels: (N,) classes or pseudo-labels.
        temperature: :math:`\tau`, above 0.

    Returns:
        (N,) losses, float32 at least.

    Raises:
        ValueError: a wrong shape, or ``temperature`` out of range.

    Source: Self-Tuning for data-efficient deep learning (ICML 2021), equations 4 to 6.
    """
    check_positive("temperature", temperature)
    if query.ndim != 2 or key.shape != query.shape:
        raise ValueError(
            f"query and key must be (N, E), got {tuple(query.shape)} and {tuple(key.shape)}"
        )
    if queue.ndim != 3 or queue.shape[2] != query.shape[1] or valid.shape != queue.shape[:2]:
        raise ValueError(
            f"queue must be (C, D, {query.shape[1]}) and valid (C, D), got {tuple(queue.shape)} "
            f"and {tuple(valid.shape)}"
        )
    dtype = share_dtype(query)
    query, key, queue = (part.to(dtype) for part in (query, key.detach(), queue.detach()))
    own = (query * key).sum(dim=1) / temperature
    with torch.autocast(query.device.type, enabled=False):
        others = (query @ queue.flatten(0, 1).T).unflatten(1, queue.shape[:2]) / temperature
    total = torch.cat(
        [own[:, None], others.masked_fill(~valid, -math.inf).flatten(1)], dim=1
    ).logsumexp(dim=1)
    members = others.gather(1, labels[:, None, None].expand(-1, 1, queue.shape[1]))[:, 0]
    there = valid.index_select(0, labels)
    positive = own + torch.where(there, members, 0).sum(dim=1)
    return total - positive / (1 + there.sum(dim=1))


def batch_spectral_shrinkage(features: Tensor, k: int = 1) -> Tensor:
    r"""Sum of the ``k`` smallest squared singular values of a batch of features,
    :math:`\sum_{i=1}^{k} \sigma_{-i}^2`.

    What a pretrained network knows that does not help with the new task shows in small singular
    values; to shrink them keeps it from being transferred.

    Args:
        features: (N, D); in float32 at least from here on. Singular values take an iteration that
            waits for a GPU.
        k: at least 1, at most ``min(N, D)``.

    Returns:
        A number.

    Raises:
        ValueError: an argument out of range.

    Source: Catastrophic forgetting meets negative transfer (NeurIPS 2019), equation 4.
    """
    check_rows("features", features, "D")
    most = min(features.shape)
    if not 1 <= k <= most:
        raise ValueError(
            f"k must be from 1 to {most}, the singular values of {tuple(features.shape)} features, "
            f"got {k}"
        )
    features = at_least_float32(features)
    with torch.autocast(features.device.type, enabled=False):
        return torch.linalg.svdvals(features)[-k:].square().sum()
