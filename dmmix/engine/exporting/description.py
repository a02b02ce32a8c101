"""What goes with an exported file: classes, and what is done to an image before."""

from __future__ import annotations

from typing import Any

from mmpretrain.models import ClsHead, MultiLabelClsHead

from dmmix.engine.exporting.logits import Logits
from dmmix.engine.predictor import Predictor
from dmmix.version import __version__

#: Formats inside of which pixels are normalised.
NORMALISING = ("torchscript", "onnx")


def describe(predictor: Predictor, logits: Logits, form: str, size: tuple[int, int]) -> dict:
    """As JSON takes it. Mean and standard deviation are of pixels from 0 to 1."""
    channels = len(logits.mean)
    inside = form in NORMALISING
    order = {1: "grey", 3: "BGR" if logits.flips and not inside else "RGB"}
    return {
        "dmmix": __version__,
        "format": form,
        "classes": list(predictor.classes),
        "scores": _scores(predictor.model),
        "input": {
            "shape": ["N", channels, *size],
            "dtype": "uint8" if inside else "float32",
            "channels": order.get(channels, str(channels)),
        },
        "resize": _resize(predictor.crop),
        "crop": list(size),
        "mean": _unit(logits.mean),
        "std": _unit(logits.std),
        "normalised": "inside" if inside else "before",
    }


def _resize(crop: Any) -> dict[str, Any] | None:
    """Nothing where the training data were no files."""
    if crop is None:
        return None
    return {
        "square" if crop.square else "short_edge": crop.edge,
        "interpolation": crop.interpolation,
        "antialias": crop.antialias,
    }


def _scores(model: Any) -> str | None:
    """What makes scores of the logits, if it is one of the usual two."""
    if isinstance(model.head, MultiLabelClsHead):
        return "sigmoid"
    same = type(model.head)._get_predictions is ClsHead._get_predictions
    return "softmax" if same else None


def _unit(values: Any) -> list[float]:
    return [round(value / 255, 6) for value in values.flatten().tolist()]
