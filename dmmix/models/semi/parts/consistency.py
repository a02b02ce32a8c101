"""How an unlabelled image learns: its prediction and its pseudo-label compared.

Each takes logits (M, C), targets, (M,) integers or (M, C) distributions, and (M,) bools or weights
in [0, 1], or ``None``; it returns the mean over all images.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from dmmix.functional.semi import kl_consistency, masked_cross_entropy, mean_squared_consistency
from dmmix.registry import MODELS

__all__ = ["Consistency", "KLConsistency", "MaskedCrossEntropy", "MeanSquaredConsistency"]

Consistency = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@MODELS.register_module()
class MaskedCrossEntropy:
    """:func:`~dmmix.functional.semi.masked_cross_entropy`."""

    __call__ = staticmethod(masked_cross_entropy)


@MODELS.register_module()
class KLConsistency:
    """:func:`~dmmix.functional.semi.kl_consistency`."""

    __call__ = staticmethod(kl_consistency)


@MODELS.register_module()
class MeanSquaredConsistency:
    """:func:`~dmmix.functional.semi.mean_squared_consistency`."""

    __call__ = staticmethod(mean_squared_consistency)
