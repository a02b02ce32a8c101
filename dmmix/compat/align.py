"""Weights of other libraries, under the names that a network has for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from dmmix.compat.fit import WRAPPED, find_fit

#: Where files keep the weights: mmengine, Lightning and timm; DeiT and USB; and by hand.
_KEYS = ("state_dict", "model", "model_state_dict", "net", "network", "module")
#: What libraries call the classifier, which a backbone does without.
_HEADS = ("fc", "classifier", "head", "heads", "head_dist", "last_linear")
#: timm's names in mmpretrain's ViT and ConvNeXt.
_TIMM = {
    "VisionTransformer": (
        (r"^blocks\.", "layers."),
        (r"^patch_embed\.proj\.", "patch_embed.projection."),
        (r"^norm\.", "ln1."),
        (r"\.norm([12])\.", r".ln\1."),
        (r"\.mlp\.fc1\.", ".ffn.layers.0.0."),
        (r"\.mlp\.fc2\.", ".ffn.layers.1."),
    ),
    "ConvNeXt": (
        (r"^stem\.", "downsample_layers.0."),
        (r"^stages\.(\d+)\.downsample\.", r"downsample_layers.\1."),
        (r"^stages\.(\d+)\.blocks\.", r"stages.\1."),
        (r"\.conv_dw\.", ".depthwise_conv."),
        (r"\.mlp\.fc1\.", ".pointwise_conv1."),
        (r"\.mlp\.fc2\.", ".pointwise_conv2."),
        (r"^head\.norm\.", "norm3."),
    ),
}


def weights_in(loaded: Any) -> dict[str, Any] | None:
    """The weights of what a file holds, wherever it keeps them; None: it has none."""
    if not isinstance(loaded, dict):
        return None
    for key in _KEYS:
        inside = loaded.get(key)
        if isinstance(inside, dict) and any(isinstance(v, Tensor) for v in inside.values()):
            return inside
    return loaded


def align(network: nn.Module, weights: Mapping[str, Any]) -> dict[str, Any]:
    """The weights under the network's own names, if all of these stand in the file under others.

    What stands before a name there (``module.``, ``backbone.``, ``model.net.``) is taken away, what
    stands before all names of the network (``timm_model.`` of mmpretrain's ``TIMMBackbone``) is put
    there, and timm's names of the layers of a ViT or a ConvNeXt become mmpretrain's. For a network
    that is one linear layer they are those of the file's classifier. A classifier
    that the network does without keeps its name in the file. Where not all names are found, the
    weights are returned as they are, but for what DistributedDataParallel and torch.compile put
    before names.
    """
    weights = {re.sub(WRAPPED, "", name): value for name, value in weights.items()}
    fit = find_fit(network, weights)
    if not fit.missing:
        return weights
    head = _head(network, weights)
    if head is not None:
        return head
    for rules in (*_rules(network), ()):
        for own in dict.fromkeys((_common(fit.network), "")):
            needed = [name[len(own) :] for name in fit.network]
            names = _find(needed, weights, rules)
            if names is not None:
                aligned = {}
                for name, value in weights.items():
                    inner = names.get(name)
                    strange = inner not in needed and (inner or "").split(".")[0] in _HEADS
                    aligned[name if inner is None or strange else f"{own}{inner}"] = value
                return aligned
    return weights


def head_weight(weights: Mapping[str, Any], inputs: int) -> str | None:
    """The name that the weight of the classifier, (classes, inputs), has in a file; None: it has
    none. Of several it is the outermost, and not that of a distillation token."""
    found = []
    for name, value in weights.items():
        *parts, last = name.split(".")
        linear = isinstance(value, Tensor) and value.ndim == 2 and value.shape[1] == inputs
        if last == "weight" and linear and not set(_HEADS).isdisjoint(parts):
            place = _HEADS.index(parts[-1]) if parts[-1] in _HEADS else len(_HEADS)
            found.append((len(parts), place, name))
    return min(found)[2] if found else None


def _head(network: nn.Module, weights: Mapping[str, Any]) -> dict[str, Any] | None:
    """For a network that is one linear layer, the classifier of the file under its names."""
    own = network.state_dict()
    ends = {name.rpartition(".")[2]: name for name in own}
    if len(own) != 2 or set(ends) != {"weight", "bias"} or own[ends["weight"]].ndim != 2:
        return None
    name = head_weight(weights, own[ends["weight"]].shape[1])
    if name is None:
        return None
    pairs = ((ends[end], name.removesuffix("weight") + end) for end in ends)
    return {new: weights[old] for new, old in pairs if old in weights}


def _rules(network: nn.Module) -> list[tuple]:
    return [_TIMM[kind.__name__] for kind in type(network).__mro__ if kind.__name__ in _TIMM]


def _common(names: list[str]) -> str:
    """The first part that all names share, with its dot."""
    first = {name.split(".")[0] for name in names}
    return f"{first.pop()}." if len(first) == 1 else ""


def _find(needed: list[str], weights: Mapping[str, Any], rules: tuple) -> dict[str, str] | None:
    """For names of the file those without what stands before the needed ones, renamed."""
    for prefix in _prefixes(weights):
        there = [name for name in weights if name.startswith(prefix)]
        if len(there) < len(needed):
            continue
        names = {}
        for name in there:
            inner = name[len(prefix) :]
            for pattern, new in rules:
                inner = re.sub(pattern, new, inner)
            names[name] = inner
        if set(needed) <= set(names.values()):
            return names
    return None


def _prefixes(weights: Mapping[str, Any]) -> list[str]:
    """All that stands before a dot in names, the shortest first."""
    found = {""}
    for name in weights:
        parts = name.split(".")
        found.update(".".join(parts[:n]) + "." for n in range(1, len(parts)))
    return sorted(found, key=len)
