"""What ranks have measured, put together in the order of the dataset."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

__all__ = ["interleave"]


def interleave(parts: Sequence[Tensor]) -> Tensor:
    """First rows of all ranks, then second rows, ...: mmengine's ``collect_results``, as tensors.

    Samplers deal samples out like cards: rank r of R has samples r, r + R, r + 2R, ... Those that
    a sampler repeats so that all ranks have the same number come last; cut them off by the size of
    the dataset.

    Args:
        parts: one (n, ...) a rank, on the same device; n may differ.

    Returns:
        (sum of n, ...).
    """
    rows = pad_sequence(list(parts))  # (longest n, ranks, ...)
    lengths = torch.tensor([len(part) for part in parts], device=rows.device)
    return rows[torch.arange(len(rows), device=rows.device)[:, None] < lengths]
