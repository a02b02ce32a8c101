"""Whether paired differences are nothing: p of each, and of each as one of many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean, stdev

__all__ = ["LEVEL", "holm", "p_of_paired"]

#: Below it, a difference is told from nothing.
LEVEL = 0.05


def p_of_paired(differences: Sequence[float]) -> float | None:
    """Of Student's t-test against 0, both sides; ``None`` for one value or one that is no number.

    Differences that are all the same have no spread: 0 then, or 1 where they are 0.
    """
    if len(differences) < 2 or not all(map(math.isfinite, differences)):
        return None
    middle, error = mean(differences), stdev(differences) / math.sqrt(len(differences))
    if error == 0:
        return float(middle == 0)
    from scipy.stats import t

    return 2 * float(t.sf(abs(middle) / error, len(differences) - 1))


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
