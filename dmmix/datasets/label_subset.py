"""Few labels out of many: stratified, seeded choices."""

from __future__ import annotations

import numpy as np

__all__ = ["stratified_subset"]


def stratified_subset(labels: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Indices of ``per_class`` samples of each class, sorted.

    Args:
        labels: (N,) integer classes.
        per_class: how many of each; at least 1 and at most the smallest class's count.
        seed: of the choice; the same seed chooses the same samples on every rank and run.

    Raises:
        ValueError: a class has fewer than ``per_class`` samples.
    """
    labels = np.asarray(labels)
    classes, counts = np.unique(labels, return_counts=True)
    if per_class < 1:
        raise ValueError(f"labels_per_class must be at least 1, got {per_class}")
    smallest = int(counts.min())
    if per_class > smallest:
        raise ValueError(
            f"labels_per_class={per_class}, but class {classes[counts.argmin()]} has only "
            f"{smallest} samples"
        )
    rng = np.random.default_rng(seed)
    chosen = [rng.choice(np.flatnonzero(labels == c), per_class, replace=False) for c in classes]
    return np.sort(np.concatenate(chosen))
