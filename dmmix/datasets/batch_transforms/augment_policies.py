"""The policies that RandAugment draws from, out of config dicts as in mmpretrain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np

from dmmix.arguments import check_argument
from dmmix.functional.ranges import Finite, Probability, Range
from dmmix.functional.transforms.affine import INTERPOLATIONS

__all__ = ["Policy", "parse_policies"]

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
        values = _ARGUMENTS[self.op](magnitudes, height, width)
        return values if self.rounding is None else _ROUNDINGS[self.rounding](values)


@dataclass(frozen=True)
class _Kind:
    """What a type of policy may have in its dict, and the defaults of mmpretrain."""

    op: str | Mapping[str, str]  # by direction
    magnitude: str | None = None  # the key of a fixed magnitude
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


def _plain(m: np.ndarray, height: int, width: int) -> np.ndarray:
    return m


def _negated(m: np.ndarray, height: int, width: int) -> np.ndarray:
    return -m  # mmpretrain rotates clockwise and shears to the right


def _as_factor(m: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.maximum(1 + m, 0)


#: From magnitudes as in mmpretrain to the arguments of our functions.
_ARGUMENTS: dict[str, Argument] = {
    "autocontrast": _plain,
    "brightness": _as_factor,
    "color": _as_factor,
    "contrast": _as_factor,
    "equalize": _plain,
    "identity": _plain,
    "invert": _plain,
    "posterize": lambda m, height, width: m.clip(0, 8),
    "rotate": _negated,
    "sharpness": _as_factor,
    "shear_x": _negated,
    "shear_y": _negated,
    "solarize": lambda m, height, width: m.clip(0, 256),
    "solarize_add": lambda m, height, width: m.clip(0, 255),
    "translate_x": lambda m, height, width: m * width,
    "translate_y": lambda m, height, width: m * height,
}
_ROUNDINGS = {"ceil": np.ceil, "floor": np.floor, "nearest": np.rint, "trunc": np.trunc}


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
    if "interpolation" in hparams:  # also where all policies have their own
        _one_of("hparams", "interpolation", hparams["interpolation"], INTERPOLATIONS)
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
    options = {**{k: v for k, v in hparams.items() if k in kind.options}, **options}
    low, high = _magnitudes(name, kind, options)
    return Policy(
        type=name,
        op=_op(name, kind, options),
        low=low,
        high=high,
        prob=_probability(name, options, "prob", 0.5),
        negative_prob=_probability(name, options, "random_negative_prob", 0.5 * kind.signed),
        interpolation=_one_of(
            name, "interpolation", options.get("interpolation", kind.interpolation), INTERPOLATIONS
        ),
        fill=_fill(name, options.get("pad_val", 128)),
        threshold=_threshold(name, kind, options),
        rounding=_rounding(name, kind, options),
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


def _magnitudes(
    name: str, kind: _Kind, options: Mapping[str, Any]
) -> tuple[float, float] | tuple[None, None]:
    if kind.magnitude is None:
        return None, None
    if (kind.magnitude in options) == ("magnitude_range" in options):
        raise ValueError(
            f"policy {name} needs one of magnitude_range and {kind.magnitude}, got {options!r}"
        )
    if kind.magnitude in options:
        value = _number(name, kind.magnitude, options[kind.magnitude])
        return value, value
    bounds = options["magnitude_range"]
    check_argument(f"policy {name}", "magnitude_range", bounds, tuple[Finite, Finite])
    return float(bounds[0]), float(bounds[1])


def _op(name: str, kind: _Kind, options: Mapping[str, Any]) -> str:
    if isinstance(kind.op, str):
        return kind.op
    direction = options.get("direction", "horizontal")
    return kind.op[_one_of(name, "direction", direction, tuple(kind.op))]


def _one_of(name: str, option: str, value: Any, allowed: Sequence[Any]) -> Any:
    if value not in allowed:
        raise ValueError(f"policy {name}: {option} must be one of {allowed}, got {value!r}")
    return value


def _threshold(name: str, kind: _Kind, options: Mapping[str, Any]) -> float:
    # Elsewhere (Solarize) "thr" is the magnitude.
    value = options.get("thr", 128) if "thr" in kind.options else 128
    return _number(name, "thr", value, Annotated[float, Range(0, 256)])


def _rounding(name: str, kind: _Kind, options: Mapping[str, Any]) -> str | None:
    if "rounding" not in options:
        return kind.rounding
    return _one_of(name, "rounding", options["rounding"], tuple(_ROUNDINGS))


def _number(name: str, option: str, value: Any, kind: Any = Finite) -> float:
    check_argument(f"policy {name}", option, value, kind)
    return float(value)


def _probability(name: str, options: Mapping[str, Any], option: str, default: float) -> float:
    return _number(name, option, options.get(option, default), Probability)


def _fill(name: str, value: Any) -> Fill:
    values = (
        tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
    )
    values = tuple(_number(name, "pad_val", v, Annotated[float, Range(0, 255)]) for v in values)
    if not values:
        raise ValueError(f"policy {name}: pad_val must have a number in it, got {value!r}")
    return values[0] if len(set(values)) == 1 else values
