"""What the semi-supervised methods are made of."""

from dmmix.models.semi.parts.distribution_alignment import DistributionAlignment
from dmmix.models.semi.parts.flex_thresholds import FlexThresholds
from dmmix.models.semi.parts.statistics import frozen_statistics
from dmmix.models.semi.parts.stream_mix import StreamMix
from dmmix.models.semi.parts.teacher import Teacher

__all__ = [
    "DistributionAlignment",
    "FlexThresholds",
    "StreamMix",
    "Teacher",
    "frozen_statistics",
]
