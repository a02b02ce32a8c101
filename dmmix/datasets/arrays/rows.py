"""Numbers of samples: some of them, the one that an index means, how often one came before."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np


def picked(rows: np.ndarray, indices: Sequence[int] | np.ndarray | int) -> np.ndarray:
    """The first (below 0: last) ``indices`` rows, or those listed, as mmengine's ``get_subset``."""
    if isinstance(indices, int):
        return rows[:indices] if indices >= 0 else rows[indices:]
    return rows[np.asarray(indices, dtype=np.int64)]


def place(index: int, n: int, repeats: bool = False) -> tuple[int, int]:
    """Which repeat of which of ``n`` samples an index means; below 0 it counts from the end.

    With ``repeats``, ``i + k * n`` is the ``k``-th repeat of sample ``i``. Raises IndexError for
    one that is out of range.
    """
    index = operator.index(index)
    if 0 <= index < n:
        return 0, index
    if index < -n or not n or (index >= 0 and not repeats):
        raise IndexError(f"index {index} is out of range for {n} samples")
    return divmod(index, n) if index >= 0 else (0, index + n)


def times_before(rows: np.ndarray) -> np.ndarray:
    """How often the same number has come before, (N,), in ``rows`` (N,)."""
    order = np.argsort(rows, kind="stable")
    ordered, at = rows[order], np.arange(len(rows))
    first = np.ones(len(rows), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    times = np.empty(len(rows), dtype=np.int64)
    times[order] = at - np.maximum.accumulate(np.where(first, at, 0))
    return times


def out_of_range(labels: np.ndarray, num_classes: int | None) -> np.ndarray:
    """Numbers of the samples whose label is below 0, or not below that of the classes, if known."""
    high = np.inf if num_classes is None else num_classes
    return np.flatnonzero((labels < 0) | (labels >= high))
