"""The maths that semi-supervised methods are made of, in plain PyTorch."""

from dmmix.functional.semi.consistency import (
    kl_consistency,
    masked_cross_entropy,
    mean_squared_consistency,
)
from dmmix.functional.semi.pseudo_labels import (
    PseudoLabels,
    align_distribution,
    flexmatch_thresholds,
    hard_pseudo_labels,
    probabilities,
    sharpen,
)
from dmmix.functional.semi.ramps import (
    gaussian_ramp,
    half_cosine_ramp,
    linear_ramp,
    training_signal_annealing,
)

__all__ = [
    "PseudoLabels",
    "align_distribution",
    "flexmatch_thresholds",
    "gaussian_ramp",
    "half_cosine_ramp",
    "hard_pseudo_labels",
    "kl_consistency",
    "linear_ramp",
    "masked_cross_entropy",
    "mean_squared_consistency",
    "probabilities",
    "sharpen",
    "training_signal_annealing",
]
