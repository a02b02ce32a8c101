"""Registered mixes for configs: parameters and random draws around ``dmmix.functional.mixing``."""

from dmmix import registry  # noqa: F401 - first: mmpretrain may need what it prepares
from dmmix.mixups.alignmix import AlignMix
from dmmix.mixups.attentivemix import AttentiveMix
from dmmix.mixups.base import DrawnMix, Mix, PairMix, build_mix
from dmmix.mixups.comixup import CoMixup
from dmmix.mixups.cutmix import CutMix
from dmmix.mixups.fmix import FMix
from dmmix.mixups.gridmix import GridMix
from dmmix.mixups.guidedmixup import GuidedMixup
from dmmix.mixups.manifoldmix import ManifoldMix, StageMix
from dmmix.mixups.mixup import Mixup
from dmmix.mixups.puzzlemix import PuzzleMix
from dmmix.mixups.random_mix import RandomMix
from dmmix.mixups.randomness import (
    RandomStream,
    TrainingState,
    current_epoch,
    set_source,
    step_generator,
    training_progress,
)
from dmmix.mixups.regmixup import RegMixup
from dmmix.mixups.resizemix import ResizeMix
from dmmix.mixups.saliencymix import SaliencyMix
from dmmix.mixups.smoothmix import SmoothMix
from dmmix.mixups.snapmix import SnapMix
from dmmix.mixups.transmix import TransMix

__all__ = [
    "AlignMix",
    "AttentiveMix",
    "CoMixup",
    "CutMix",
    "DrawnMix",
    "FMix",
    "GridMix",
    "GuidedMixup",
    "ManifoldMix",
    "Mix",
    "Mixup",
    "PairMix",
    "PuzzleMix",
    "RandomMix",
    "RandomStream",
    "RegMixup",
    "ResizeMix",
    "SaliencyMix",
    "SmoothMix",
    "SnapMix",
    "StageMix",
    "TrainingState",
    "TransMix",
    "build_mix",
    "current_epoch",
    "set_source",
    "step_generator",
    "training_progress",
]
