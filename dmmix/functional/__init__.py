"""The maths of dmmix in plain PyTorch: nothing here imports anything but torch."""

from dmmix.functional.guide.questions import Guide
from dmmix.functional.labels import MixedLabels, as_mixed_labels
from dmmix.functional.losses import *  # noqa: F403 - what is listed there
from dmmix.functional.losses import __all__ as _losses
from dmmix.functional.metrics import MixedAccuracy, mixed_accuracy
from dmmix.functional.mixing import *  # noqa: F403 - what is listed there
from dmmix.functional.mixing import __all__ as _mixes
from dmmix.functional.saliency import fine_grained_saliency, spectral_residual_saliency
from dmmix.functional.shares import rescale_share

__all__ = [
    *_losses,
    *_mixes,
    "Guide",
    "MixedAccuracy",
    "MixedLabels",
    "as_mixed_labels",
    "fine_grained_saliency",
    "mixed_accuracy",
    "rescale_share",
    "spectral_residual_saliency",
]
