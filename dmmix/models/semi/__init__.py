"""Semi-supervised methods, one a file. Importing it registers them."""

from dmmix.models.semi.base import SemiClassifier
from dmmix.models.semi.fixmatch import FixMatch
from dmmix.models.semi.flexmatch import FlexMatch
from dmmix.models.semi.mean_teacher import MeanTeacher
from dmmix.models.semi.mixmatch import MixMatch
from dmmix.models.semi.parts import (
    DistributionAlignment,
    FlexThresholds,
    StreamMix,
    Teacher,
    frozen_statistics,
)
from dmmix.models.semi.pi_model import PiModel
from dmmix.models.semi.preprocessor import SemiDataPreprocessor
from dmmix.models.semi.pseudo_label import PseudoLabel
from dmmix.models.semi.remixmatch import ReMixMatch
from dmmix.models.semi.supervised import Supervised
from dmmix.models.semi.uda import UDA

__all__ = [
    "UDA",
    "DistributionAlignment",
    "FixMatch",
    "FlexMatch",
    "FlexThresholds",
    "MeanTeacher",
    "MixMatch",
    "PiModel",
    "PseudoLabel",
    "ReMixMatch",
    "SemiClassifier",
    "SemiDataPreprocessor",
    "StreamMix",
    "Supervised",
    "Teacher",
    "frozen_statistics",
]
