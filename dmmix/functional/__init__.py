"""The maths of dmmix in plain PyTorch: nothing here imports anything but torch."""

from dmmix.functional.guide import Guide
from dmmix.functional.labels import MixedLabels, as_mixed_labels
from dmmix.functional.losses import (
    decoupled_mixup_bce,
    decoupled_mixup_cross_entropy,
    decoupled_mixup_terms,
    mixup_cross_entropy,
)
from dmmix.functional.metrics import mixed_accuracy
from dmmix.functional.mixing import (
    Mixed,
    cutmix,
    draw_centers,
    draw_lam,
    draw_pairing,
    mixup,
)
from dmmix.functional.shares import rescale_share

__all__ = [
    "Guide",
    "Mixed",
    "MixedLabels",
    "as_mixed_labels",
    "cutmix",
    "decoupled_mixup_bce",
    "decoupled_mixup_cross_entropy",
    "decoupled_mixup_terms",
    "draw_centers",
    "draw_lam",
    "draw_pairing",
    "mixed_accuracy",
    "mixup",
    "mixup_cross_entropy",
    "rescale_share",
]
