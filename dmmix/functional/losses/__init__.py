"""The losses for mixed samples, one formula a file: a function and a module.

A function takes (N, C) logits and labels in any form that
:func:`~dmmix.functional.as_mixed_labels` knows.
"""

from dmmix.functional.losses.base import MixupLoss
from dmmix.functional.losses.dm_bce import DecoupledMixupBCELoss, decoupled_mixup_bce
from dmmix.functional.losses.dm_ce import DecoupledMixupLoss, decoupled_mixup_cross_entropy
from dmmix.functional.losses.mixup_ce import MixupCrossEntropyLoss, mixup_cross_entropy
from dmmix.functional.losses.terms import Terms, decoupled_mixup_terms

__all__ = [
    "DecoupledMixupBCELoss",
    "DecoupledMixupLoss",
    "MixupCrossEntropyLoss",
    "MixupLoss",
    "Terms",
    "decoupled_mixup_bce",
    "decoupled_mixup_cross_entropy",
    "decoupled_mixup_terms",
    "mixup_cross_entropy",
]
