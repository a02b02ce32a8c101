"""Registered mixes for configs: parameters and random draws around ``dmmix.functional.mixing``."""

from dmmix import registry  # noqa: F401 - first: mmpretrain may need what it prepares
from dmmix.mixups.base import Mix, PairMix, build_mix
from dmmix.mixups.cutmix import CutMix
from dmmix.mixups.mixup import Mixup
from dmmix.mixups.random_mix import RandomMix
from dmmix.mixups.randomness import current_epoch, step_generator

__all__ = [
    "CutMix",
    "Mix",
    "Mixup",
    "PairMix",
    "RandomMix",
    "build_mix",
    "current_epoch",
    "step_generator",
]
