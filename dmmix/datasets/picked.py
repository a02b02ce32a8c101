"""Some rows out of many, as mmengine's ``get_subset`` takes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["picked"]


def picked(rows: np.ndarray, indices: Sequence[int] | np.ndarray | int) -> np.ndarray:
    """The first (below 0: last) ``indices`` rows, or those listed."""
    if isinstance(indices, int):
        return rows[:indices] if indices >= 0 else rows[indices:]
    return rows[np.asarray(indices, dtype=np.int64)]
