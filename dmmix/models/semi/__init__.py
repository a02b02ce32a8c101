"""Semi-supervised methods, one a file. Importing it registers them."""

from dmmix.models.modes import frozen_statistics
from dmmix.models.semi.base import SemiClassifier
from dmmix.models.semi.composed import ComposedMethod
from dmmix.models.semi.fixmatch import FixMatch
from dmmix.models.semi.flexmatch import FlexMatch
from dmmix.models.semi.mean_teacher import MeanTeacher
from dmmix.models.semi.mixmatch import MixMatch
from dmmix.models.semi.parts.distribution_alignment import DistributionAlignment
from dmmix.models.semi.parts.flex_threshold import FlexThreshold
from dmmix.models.semi.parts.guess import (
    FixedThreshold,
    Guess,
    HardLabels,
    KLConsistency,
    MaskedCrossEntropy,
    MeanSquaredConsistency,
    SoftLabels,
    guess_from,
)
from dmmix.models.semi.parts.part import Part
from dmmix.models.semi.parts.stream_mix import StreamMix
from dmmix.models.semi.parts.teacher import Teacher
from dmmix.models.semi.pi_model import PiModel
from dmmix.models.semi.preprocessor import SemiDataPreprocessor
from dmmix.models.semi.pseudo_label import PseudoLabel
from dmmix.models.semi.remixmatch import ReMixMatch
from dmmix.models.semi.supervised import Supervised
from dmmix.models.semi.uda import UDA

__all__ = [
    "UDA",
    "ComposedMethod",
    "DistributionAlignment",
    "FixMatch",
    "FixedThreshold",
    "FlexMatch",
    "FlexThreshold",
    "Guess",
    "HardLabels",
    "KLConsistency",
    "MaskedCrossEntropy",
    "MeanSquaredConsistency",
    "MeanTeacher",
    "MixMatch",
    "Part",
    "PiModel",
    "PseudoLabel",
    "ReMixMatch",
    "SemiClassifier",
    "SemiDataPreprocessor",
    "SoftLabels",
    "StreamMix",
    "Supervised",
    "Teacher",
    "frozen_statistics",
    "guess_from",
]
