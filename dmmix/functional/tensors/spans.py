"""Spans of pixels along an axis, one a sample: the first pixel and the one after the last."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Span", "within"]

Span = tuple[Tensor, Tensor]


def within(start: Tensor, stop: Tensor, length: int) -> Tensor:
    """(N, length) bool, true from ``start`` up to before ``stop``."""
    pixel = torch.arange(length, device=start.device)
    return (pixel >= start[:, None]) & (pixel < stop[:, None])
