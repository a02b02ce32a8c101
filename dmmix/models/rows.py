"""The first samples of whatever a backbone returns."""

from __future__ import annotations

from typing import Any

from torch import Tensor

__all__ = ["first_rows"]


def first_rows(feats: Any, n: int) -> Any:
    """The first ``n`` rows of a tensor, or of each tensor in tuples and lists."""
    if isinstance(feats, Tensor):
        return feats[:n]
    return type(feats)(first_rows(part, n) for part in feats)
