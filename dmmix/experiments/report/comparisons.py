"""Whether paired differences are nothing: p of each, and of each as one of many."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from statistics import mean

#: Below it, a difference is told from nothing.
LEVEL = 0.05


def paired(differences: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Mean, half width of its 95 % interval (Student's t), and p of a t-test against 0, both sides.

    One value has neither interval nor p, and where a value is no number there is no p. Differences
    that are all the same have no spread: p is 0, or 1 where they are 0.
    """
    middle = mean(differences)
    if len(differences) < 2:
        return middle, None, None
    if min(differences) == max(differences):
        return middle, 0.0, float(middle == 0)
    from scipy.stats import ttest_1samp

    # It warns of differences that are all but the same, and of what is no number.
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        test = ttest_1samp(differences, 0)
        low, high = test.confidence_interval(0.95)
    p = float(test.pvalue)
    return middle, float(high - low) / 2, None if math.isnan(p) else p


def holm(ps: Sequence[float]) -> list[float]:
    r"""Adjusted by Holm's step-down: the chance that any of them is below a level though all are
    nothing is at most that level, however they depend on each other.

    Of :math:`m`, with :math:`p_{(1)} \le p_{(2)} \le \dots`:

    .. math:: \tilde p_{(i)} = \max_{j \le i} \min(1, (m - j + 1)\, p_{(j)})
    """
    adjusted, highest = [0.0] * len(ps), 0.0
    for place, k in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - place) * ps[k]))
        adjusted[k] = highest
    return adjusted
