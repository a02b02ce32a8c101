"""What a subset is stratified by."""

from __future__ import annotations

import numpy as np


def strata(labels: np.ndarray) -> np.ndarray:
    """Of each sample the class that it stands for when some are chosen of each, (N,).

    Labels (N,) are it themselves. A sample of several classes, a row of (N, C) with a 1 for each,
    stands for the rarest of them, so that each part gets its share of what there is least of; one
    of no class is in a stratum of its own, C.
    """
    if labels.ndim == 1:
        return labels
    rarity = np.where(labels > 0, labels.sum(axis=0), len(labels) + 1)
    return np.where(labels.any(axis=1), rarity.argmin(axis=1), labels.shape[1])
