"""GMix."""

from __future__ import annotations

from dmmix.functional import mixing
from dmmix.mixups.base import PlacedMix


class GMix(PlacedMix):
    r"""GMix: the image with the smaller share as a soft round spot in the other, with
    :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)` and the centre uniform.

    Args:
        alpha, per_batch, fixed_points: see :class:`PairMix`.

    Source: A Unified Analysis of Mixed Sample Data Augmentation (arXiv 2208.09913).
    """

    function = staticmethod(mixing.gmix)
