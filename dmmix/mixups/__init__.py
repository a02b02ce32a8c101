"""Mixes as objects: parameters and random draws around ``dmmix.functional.mixing``.

They need torch alone; :mod:`dmmix.registry` registers them for configs.
"""

import sys
from importlib import import_module

from dmmix.mixups.alignmix import AlignMix
from dmmix.mixups.attentivemix import AttentiveMix
from dmmix.mixups.base import Mix, PairMix, build_mix, draw_for
from dmmix.mixups.build import set_builder
from dmmix.mixups.comixup import CoMixup
from dmmix.mixups.cutmix import CutMix
from dmmix.mixups.fmix import FMix
from dmmix.mixups.gmix import GMix
from dmmix.mixups.gridmix import GridMix
from dmmix.mixups.guidedmixup import GuidedMixup
from dmmix.mixups.hmix import HMix
from dmmix.mixups.manifoldmix import ManifoldMix, StageMix
from dmmix.mixups.mixup import Mixup
from dmmix.mixups.pairing import GreedyPairing, Pairing, RandomPairing
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
from dmmix.mixups.saliency import (
    FineGrainedSaliency,
    GradientSaliency,
    Saliency,
    SpectralResidualSaliency,
)
from dmmix.mixups.saliencymix import SaliencyMix
from dmmix.mixups.shares import AttentionShares, ShareRule
from dmmix.mixups.smoothmix import SmoothMix
from dmmix.mixups.snapmix import SnapMix
from dmmix.mixups.transmix import TransMix

__all__ = [
    "AlignMix",
    "AttentionShares",
    "AttentiveMix",
    "CoMixup",
    "CutMix",
    "FMix",
    "FineGrainedSaliency",
    "GMix",
    "GradientSaliency",
    "GreedyPairing",
    "GridMix",
    "GuidedMixup",
    "HMix",
    "ManifoldMix",
    "Mix",
    "Mixup",
    "PairMix",
    "Pairing",
    "PuzzleMix",
    "RandomMix",
    "RandomPairing",
    "RandomStream",
    "RegMixup",
    "ResizeMix",
    "Saliency",
    "SaliencyMix",
    "ShareRule",
    "SmoothMix",
    "SnapMix",
    "SpectralResidualSaliency",
    "StageMix",
    "TrainingState",
    "TransMix",
    "build_mix",
    "current_epoch",
    "draw_for",
    "set_builder",
    "set_source",
    "step_generator",
    "training_progress",
]

# The custom_imports of a config may name this package to have its types registered.
if "mmengine" in sys.modules:
    import_module("dmmix.registry")
