"""What mixes may ask an mmpretrain classifier."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmpretrain.models import ImageClassifier
from torch import Tensor, nn

from dmmix.functional import Guide
from dmmix.functional.guide import Attention, Layers


class ClassifierGuide(Guide):
    """:class:`dmmix.functional.Guide` that finds its way in an mmpretrain classifier by itself.

    Names of stages are those of modules of the backbone: ``layer1`` ... of a ResNet, ``stages.0``
    ... of Swin or ConvNeXt, ``layers.0`` ... of a vision transformer.

    Args:
        model: the classifier; under DistributedDataParallel the module inside.
    """

    model: ImageClassifier

    def __init__(self, model: ImageClassifier) -> None:
        super().__init__(model, ClassifierLayers)


class ClassifierLayers(Layers):
    """The layers of an mmpretrain classifier, see :class:`ClassifierGuide`."""

    model: ImageClassifier

    def __init__(self, model: ImageClassifier) -> None:
        super().__init__(model)
        self.stages = _stages(model.backbone)

    def class_weight(self) -> Tensor:
        """(C, D) weight of the head's last linear layer.

        Raises:
            ValueError: the head has no linear layer ``fc`` or ``layers.head``.
        """
        head = self.model.head
        for name in ("fc", "layers.head", "layers"):
            try:
                layer = head.get_submodule(name)
            except AttributeError:
                continue
            if isinstance(layer, nn.Linear):
                return layer.weight.detach()
        raise ValueError(f"{type(head).__name__} has no linear classifier to read features with")

    def module(self, name: str) -> nn.Module:
        """The module of this name in the backbone."""
        try:
            return self.model.backbone.get_submodule(name)
        except AttributeError:
            kind = type(self.model.backbone).__name__
            raise ValueError(
                f"{kind} has no module {name!r}; its stages are {list(self.stages)}"
            ) from None

    def attention(self) -> Attention:
        """See :meth:`dmmix.functional.guide.Layers.attention`."""
        backbone = self.model.backbone
        layers: Any = getattr(backbone, "layers", None)
        last = layers[-1] if isinstance(layers, nn.ModuleList) and len(layers) else None
        attention: Any = getattr(last, "attn", None)
        token = getattr(backbone, "cls_token", None) is not None
        # Where the head reads the patches instead, nothing teaches the token where to look.
        read = getattr(backbone, "out_type", "cls_token") in ("cls_token", "raw")
        if not (token and read and isinstance(getattr(attention, "qkv", None), nn.Module)):
            return super().attention()
        extra = getattr(backbone, "num_extra_tokens", 1)
        return Attention(f"layers.{len(layers) - 1}.attn.qkv", attention.num_heads, extra)

    @contextmanager
    def asked(self) -> Iterator[None]:
        """See :meth:`dmmix.functional.guide.Layers.asked`."""
        # torch.autograd.grad cannot go through the kind of checkpoint that mmpretrain uses.
        modules: Iterator[Any] = self.model.modules()
        saving = [module for module in modules if getattr(module, "with_cp", False)]
        try:
            for module in saving:
                module.with_cp = False
            yield
        finally:
            for module in saving:
                module.with_cp = True

    def feature_map(self, images: Tensor) -> Any:
        """See :meth:`dmmix.functional.guide.Layers.feature_map`."""
        last: list[Any] = []
        handles = [
            self.module(name).register_forward_hook(lambda module, args, out: last.append(out))
            for name in self.stages[-1:]
        ]
        try:
            found = self.model.extract_feat(images, stage="backbone")
        finally:
            for handle in handles:
                handle.remove()
        found = found[-1] if isinstance(found, tuple | list) else found
        # Some backbones (ConvNeXt) return means over the map; then what their last stage returns.
        pooled = last and isinstance(found, Tensor) and found.ndim != 4
        return last[-1] if pooled and _is_map(last[-1]) else found


def _is_map(output: Any) -> bool:
    return isinstance(output, Tensor) and output.ndim == 4


def _stages(backbone: nn.Module) -> tuple[str, ...]:
    """What the backbones of mmpretrain call their stages, in the order in which they run."""
    for name in ("res_layers", "stages", "layers"):
        names = getattr(backbone, name, None)
        if isinstance(names, list | tuple) and names and all(isinstance(n, str) for n in names):
            return tuple(names)
    numbered = [name for name, _ in backbone.named_children() if re.fullmatch(r"layer\d+", name)]
    if numbered:
        return tuple(sorted(numbered, key=lambda name: int(name[5:])))
    for name in ("stages", "layers", "blocks"):
        modules = getattr(backbone, name, None)
        if isinstance(modules, nn.ModuleList | nn.Sequential):
            return tuple(f"{name}.{k}" for k in range(len(modules)))
    return ()
