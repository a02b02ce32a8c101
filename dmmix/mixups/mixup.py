"""Mixup."""

from __future__ import annotations

from dmmix.functional import mixing
from dmmix.mixups.base import PlainMix


class Mixup(PlainMix):
    r"""Mixup: :math:`\lambda x_i + (1 - \lambda) x_j`, with
    :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`.

    Args:
        alpha: above 0. The decoupled mixup paper uses 0.2 under its loss and 1 on CIFAR-100
            without.
        per_batch, fixed_points: see :class:`PairMix`.

    Source: mixup: Beyond Empirical Risk Minimization (arXiv 1710.09412).
    """

    function = staticmethod(mixing.mixup)
