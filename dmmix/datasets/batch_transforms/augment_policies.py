"""The policies that RandAugment draws from, out of config dicts as in mmpretrain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

import numpy as np

from dmmix.arguments import check_argument
from dmmix.functional.ranges import Filled, Finite, Probability, Range

Fill = float | tuple[float, ...]


@dataclass(frozen=True)
class Policy:
    """One operation and what is random in it.

    Attributes:
        type: its name in configs.
        op: the function that runs it.
        low, high: the magnitudes of the levels 0 and ``total_level``; the same number for a fixed
            magnitude, ``None`` for an operation that has none.
        prob: the probability that it runs once it is drawn.
        negative_prob: the probability that its magnitude is taken negative.
        interpolation, fill: of a shear, translation or rotation.
        threshold: of ``SolarizeAdd``.
        rounding: how a magnitude becomes a whole number, if it has to.
    """

    type: str
    op: str
    low: float | None = None
    high: float | None = None
    prob: float = 0.5
    negative_prob: float = 0.0
    interpolation: str = "nearest"
    fill: Fill = 128
    threshold: float = 128
    rounding: str | None = None

    def arguments(self, magnitudes: np.ndarray, height: int, width: int) -> np.ndarray:
        """What the function takes, from the magnitudes of the samples that it runs on."""
        values = magnitudes
        if self.op in _ARGUMENTS:
            values = _ARGUMENTS[self.op](values, height, width)
        return values if self.rounding is None else _ROUNDINGS[self.rounding](values)


@dataclass(frozen=True)
class _Kind:
    """What a type of policy may have in its dict, and the defaults of mmpretrain."""

    op: str | Mapping[str, str]  # by direction
    magnitude: str = ""  # the key of a fixed magnitude
    signed: bool = False
    options: tuple[str, ...] = ()
    interpolation: str = "nearest"
    rounding: str | None = None


_SHEAR = MappingProxyType({"horizontal": "shear_x", "vertical": "shear_y"})
_TRANSLATE = MappingProxyType({"horizontal": "translate_x", "vertical": "translate_y"})
_PLACED = ("pad_val", "interpolation")
_KINDS = {
    "AutoContrast": _Kind("autocontrast"),
    "Brightness": _Kind("brightness", "magnitude", signed=True),
    "ColorTransform": _Kind("color", "magnitude", signed=True),
    "Contrast": _Kind("contrast", "magnitude", signed=True),
    "Equalize": _Kind("equalize"),
    "Identity": _Kind("identity"),
    "Invert": _Kind("invert"),
    "Posterize": _Kind("posterize", "bits", options=("rounding",), rounding="ceil"),
    "Rotate": _Kind("rotate", "angle", signed=True, options=_PLACED),
    "Sharpness": _Kind("sharpness", "magnitude", signed=True),
    "Shear": _Kind(_SHEAR, "magnitude", True, (*_PLACED, "direction"), "bicubic"),
    "Solarize": _Kind("solarize", "thr"),
    "SolarizeAdd": _Kind("solarize_add", "magnitude", options=("thr",)),
    "Translate": _Kind(_TRANSLATE, "magnitude", True, (*_PLACED, "direction", "rounding")),
}

Argument = Callable[[np.ndarray, int, int], np.ndarray]


def _as_factor(m: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.maximum(1 + m, 0)


#: From magnitudes as in mmpretrain to the arguments of our functions, where they are others.
_ARGUMENTS: dict[str, Argument] = {
    **dict.fromkeys(("brightness", "color", "contrast", "sharpness"), _as_factor),
    # mmpretrain rotates clockwise and shears to the right.
    **dict.fromkeys(("rotate", "shear_x", "shear_y"), lambda m, height, width: -m),
    "posterize": lambda m, height, width: m.clip(0, 8),
    "solarize": lambda m, height, width: m.clip(0, 256),
    "solarize_add": lambda m, height, width: m.clip(0, 255),
    "translate_x": lambda m, height, width: m * width,
    "translate_y": lambda m, height, width: m * height,
}
_ROUNDINGS = {"ceil": np.ceil, "floor": np.floor, "nearest": np.rint, "trunc": np.trunc}
_Byte = Annotated[float, Range(0, 255)]
#: What an option may be, beside a fixed magnitude.
_OPTIONS: dict[str, Any] = {
    "direction": Literal["horizontal", "vertical"],
    "interpolation": Literal["nearest", "bilinear", "bicubic"],
    "magnitude_range": tuple[Finite, Finite],
    "pad_val": _Byte | Annotated[Sequence[_Byte], Filled()],
    "prob": Probability,
    "random_negative_prob": Probability,
    "rounding": Literal["ceil", "floor", "nearest", "trunc"],
    "thr": Annotated[float, Range(0, 256)],
}


def parse_policies(
    configs: Sequence[Mapping[str, Any]], hparams: Mapping[str, Any]
) -> tuple[Policy, ...]:
    """Policies out of dicts as in mmpretrain, with ``hparams`` where a policy has no own value.

    Raises:
        TypeError, ValueError: a policy or option that is unknown or has a wrong value.
    """
    if not isinstance(configs, Sequence) or not configs:
        raise TypeError(
            f"policies must be the name of a preset or a list of dicts, got {configs!r}"
        )
    if not isinstance(hparams, Mapping) or not set(hparams) <= set(_PLACED):
        raise ValueError(f"hparams may have {list(_PLACED)}, got {hparams!r}")
    for option, value in hparams.items():  # also where all policies have their own
        check_argument("hparams", option, value, _OPTIONS[option])
    return tuple(_parsed(config, hparams) for config in configs)


def _parsed(config: Mapping[str, Any], hparams: Mapping[str, Any]) -> Policy:
    if not isinstance(config, Mapping) or "type" not in config:
        raise TypeError(f"policies must be dicts with a 'type', got {config!r}")
    options = dict(config)
    name = options.pop("type")
    options.pop("magnitude_key", None)  # of old configs, as in mmpretrain
    if name not in _KINDS:
        raise ValueError(f"type of a policy must be one of {sorted(_KINDS)}, got {name!r}")
    kind = _KINDS[name]
    _check_keys(name, kind, options)
    for option, value in options.items():
        hint = Finite if option == kind.magnitude else _OPTIONS[option]
        check_argument(f"policy {name}", option, value, hint)
    options = {**{k: v for k, v in hparams.items() if k in kind.options}, **options}
    low = high = options.get(kind.magnitude)
    if "magnitude_range" in options:
        low, high = options["magnitude_range"]
    fills = options.get("pad_val", 128)
    fills = tuple(map(float, fills if isinstance(fills, Sequence) else [fills]))
    direction = options.get("direction", "horizontal")
    return Policy(
        type=name,
        op=kind.op if isinstance(kind.op, str) else kind.op[direction],
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        prob=float(options.get("prob", 0.5)),
        negative_prob=float(options.get("random_negative_prob", 0.5 * kind.signed)),
        interpolation=options.get("interpolation", kind.interpolation),
        fill=fills[0] if len(set(fills)) == 1 else fills,
        # Elsewhere (Solarize) "thr" is the magnitude.
        threshold=float(options.get("thr", 128)) if "thr" in kind.options else 128,
        rounding=options.get("rounding", kind.rounding),
    )


def _check_keys(name: str, kind: _Kind, options: Mapping[str, Any]) -> None:
    allowed = {"prob", *kind.options}
    if kind.magnitude:
        allowed |= {kind.magnitude, "magnitude_range"}
    if kind.signed:
        allowed.add("random_negative_prob")
    unknown = sorted(set(options) - allowed)
    if unknown:
        raise ValueError(f"policy {name} may have {sorted(allowed)}, got {unknown}")
    if kind.magnitude and (kind.magnitude in options) == ("magnitude_range" in options):
        raise ValueError(
            f"policy {name} needs one of magnitude_range and {kind.magnitude}, got {options!r}"
        )
