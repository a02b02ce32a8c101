"""The policies of mmpretrain (timm) and of FixMatch for RandAugment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmpretrain.datasets.transforms.auto_augment import RANDAUG_POLICIES


@dataclass(frozen=True)
class Preset:
    """Policies with the levels and options that their source has."""

    policies: tuple[Mapping[str, Any], ...]
    magnitude_level: float = 9
    magnitude_std: float | Literal["inf"] | None = 0.5
    hparams: Mapping[str, Any] = field(default_factory=lambda: {"pad_val": 128})


def _fixmatch() -> tuple[dict, ...]:
    # Factors between 0.05 and 0.95, the magnitude is the factor less 1.
    factor = dict(magnitude_range=(-0.05, -0.95), prob=1, random_negative_prob=0)
    shear = dict(type="Shear", magnitude_range=(0, 0.3), prob=1)
    translate = dict(type="Translate", magnitude_range=(0, 0.3), prob=1, rounding="trunc")
    return (
        dict(type="AutoContrast", prob=1),
        dict(type="Brightness", **factor),
        dict(type="ColorTransform", **factor),
        dict(type="Contrast", **factor),
        dict(type="Equalize", prob=1),
        dict(type="Identity"),
        # 4 to 8 bits, each as often as the others.
        dict(type="Posterize", magnitude_range=(8, 3), prob=1, rounding="ceil"),
        dict(type="Rotate", magnitude_range=(0, 30), prob=1),
        dict(type="Sharpness", **factor),
        dict(shear, direction="horizontal"),
        dict(shear, direction="vertical"),
        dict(type="Solarize", magnitude_range=(256, 0), prob=1),
        dict(translate, direction="horizontal"),
        dict(translate, direction="vertical"),
    )


PRESETS = {
    "timm_increasing": Preset(tuple(RANDAUG_POLICIES["timm_increasing"])),
    "fixmatch": Preset(
        _fixmatch(), 10, magnitude_std="inf", hparams={"pad_val": 0, "interpolation": "nearest"}
    ),
}
