"""Mixes as functions: deterministic, what is random (share, pairing, place) is an argument."""

from dmmix.functional.mixing.cutmix import cutmix
from dmmix.functional.mixing.draws import draw_centers, draw_lam, draw_pairing, to_device
from dmmix.functional.mixing.mixed import Mixed, unmixed
from dmmix.functional.mixing.mixup import mixup

__all__ = [
    "Mixed",
    "cutmix",
    "draw_centers",
    "draw_lam",
    "draw_pairing",
    "mixup",
    "to_device",
    "unmixed",
]
