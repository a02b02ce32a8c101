"""What is drawn on the CPU, brought to where it is used."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def to_device(tensors: Sequence[Tensor], device: torch.device | str) -> tuple[Tensor, ...]:
    """Small CPU tensors on the device, without waiting for it."""
    device = torch.device(device)
    if device.type == "cuda":
        # A copy from pageable memory waits for what the device has queued; one from pinned memory
        # does not, and torch keeps the pinned block until the copy is done.
        return tuple(t.contiguous().pin_memory().to(device, non_blocking=True) for t in tensors)
    if device.type == "cpu":
        return tuple(tensors)
    if device.type == "mps":  # has no float64
        tensors = [t.float() if t.dtype == torch.float64 else t for t in tensors]
    return tuple(t.to(device) for t in tensors)
