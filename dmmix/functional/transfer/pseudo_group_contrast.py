"""Contrast of a query with its class against all others."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dmmix.functional.tensors.checks import check_positive
from dmmix.functional.tensors.dtypes import share_dtype

__all__ = ["pseudo_group_contrast"]


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
