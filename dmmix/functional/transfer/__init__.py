"""The maths of transfer methods, in plain PyTorch."""

from dmmix.functional.transfer.category_relationship import (
    category_relationship,
    co_tuning_cross_entropy,
)
from dmmix.functional.transfer.pseudo_group_contrast import pseudo_group_contrast
from dmmix.functional.transfer.spectral_shrinkage import batch_spectral_shrinkage

__all__ = [
    "batch_spectral_shrinkage",
    "category_relationship",
    "co_tuning_cross_entropy",
    "pseudo_group_contrast",
]
