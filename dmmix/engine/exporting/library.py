"""The same weights under the names of timm and torchvision, for networks that these have."""

from __future__ import annotations

from typing import Any

from torch import nn

from dmmix.compat import CheckpointError
from dmmix.compat.needed import import_needed


def library_network(network: Any, library: str, channels: int) -> tuple[str, nn.Module]:
    """A network of ``timm`` or ``torchvision`` with these weights, and its name there.

    Whether it computes the same is for the caller to see: where a stem differs, names and shapes
    can be equal.

    Args:
        network: with ``backbone`` and ``head``.
        library: ``'timm'`` or ``'torchvision'``.
        channels: of images.

    Raises:
        CheckpointError: it has no such network.
        ImportError: timm is not installed.
    """
    name = _name(network.backbone, library)
    make = None if name is None else _maker(name, library, channels)
    if name is None or make is None:
        raise CheckpointError(refusal(network, library))
    number = network.head.num_classes
    made = make(num_classes=number)
    classifier = "fc" if library == "torchvision" else made.default_cfg["classifier"]
    weights = _weights(network, classifier)
    try:
        made.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(refusal(network, library)) from error
    return name, made.eval()


def refusal(network: Any, library: str) -> str:
    """Why a network cannot go there, and what can be done."""
    parts = [type(network.backbone).__name__, type(network.head).__name__]
    kinds = "mmpretrain's ResNet and ResNeXt"
    if library == "timm":
        kinds += " and TIMMBackbone"
    return (
        f"{library} has no network that is this one, {' with '.join(parts)} (it has {kinds}, with "
        "a linear head): --to safetensors, torchscript and onnx go with every network"
    )


def _name(backbone: Any, library: str) -> str | None:
    kind = type(backbone).__name__
    if kind == "TIMMBackbone" and library == "timm":
        return getattr(backbone.timm_model, "pretrained_cfg", {}).get("architecture")
    if kind == "ResNet":
        return f"resnet{backbone.depth}"
    if kind == "ResNeXt":
        return f"resnext{backbone.depth}_{backbone.groups}x{backbone.width_per_group}d"
    return None


def _maker(name: str, library: str, channels: int) -> Any:
    if library == "torchvision":
        from torchvision import models

        return getattr(models, name, None)
    import_needed("timm", install="timm")
    import timm

    def make(num_classes: int) -> Any:
        return timm.create_model(name, num_classes=num_classes, in_chans=channels)

    return make if timm.is_model(name) else None


def _weights(network: Any, classifier: str) -> dict[str, Any]:
    """Without the prefix of the backbone, and with the library's name of the last layer."""
    inner = getattr(network.backbone, "timm_model", network.backbone).state_dict()
    last = getattr(network.head, "fc", nn.Identity()).state_dict()
    return {**inner, **{f"{classifier}.{name}": value for name, value in last.items()}}
