"""The precision that numbers are worked out in."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def share_dtype(images: Tensor) -> torch.dtype:
    """The dtype of shares, and of what is worked out of images: float32, and float64 for float64
    images."""
    return torch.float64 if images.dtype == torch.float64 else torch.float32


def at_least_float32(values: Tensor) -> Tensor:
    """The same numbers in float32; float64 stays."""
    return values if values.dtype == torch.float64 else values.float()


def no_autocast(kind: str) -> AbstractContextManager:
    """Without autocast on devices of this kind, where it is on."""
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()
