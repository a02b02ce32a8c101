"""``init_cfg=dict(type='Pretrained', ...)`` says what it loads, or what does not fit."""

import re
from typing import Any

from torch import nn

from dmmix.compat.errors import CheckpointError
from dmmix.compat.fit import WRAPPED, Fit, find_fit


def prepare() -> None:
    """Makes mmengine's initializer compare before it loads; nothing from the second call on."""
    from mmengine.logging import print_log
    from mmengine.model.weight_init import PretrainedInit, update_init_info
    from mmengine.runner import checkpoint as mmengine

    if hasattr(PretrainedInit, "partial"):
        return
    original = PretrainedInit.__init__

    # Any: more would be asked of init_cfg, where arguments are checked against annotations.
    def __init__(
        self: Any,
        checkpoint: Any,
        prefix: Any = None,
        map_location: Any = "cpu",
        partial: Any = False,
    ) -> None:
        original(self, checkpoint, prefix, map_location)
        self.partial = partial

    def __call__(self: Any, module: nn.Module) -> None:
        outer = module
        loaded = mmengine._load_checkpoint(self.checkpoint, map_location=self.map_location)
        weights = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
        if not isinstance(weights, dict):
            raise CheckpointError(f"{self.checkpoint} holds no weights")
        prefix = self.prefix
        if prefix == "auto":
            weights = _chosen(weights, None, self.checkpoint)
            module = _inner(module)
            prefix = find_fit(module, weights).prefix()
        weights = _chosen(weights, prefix, self.checkpoint)
        fit = find_fit(module, weights)
        _check(fit, self, type(module).__name__)
        print_log(f"{self.checkpoint}: {told(fit)}", logger="current")
        mmengine.load_state_dict(module, weights, strict=False, logger="silent")
        if hasattr(outer, "_params_init_info"):
            update_init_info(outer, init_info=self._get_init_info())

    PretrainedInit.partial = False
    PretrainedInit.__init__, PretrainedInit.__call__ = __init__, __call__


def _inner(network: nn.Module) -> nn.Module:
    """The network that a wrapper (mmpretrain's ``TIMMBackbone``) holds and that files are about."""
    while len(inside := list(network.children())) == 1 and not list(network._parameters):
        network = inside[0]
    return network


def _chosen(weights: dict, prefix: str | None, name: str) -> dict:
    if prefix is None:
        return {re.sub(WRAPPED, "", key): value for key, value in weights.items()}
    prefix = f"{prefix.rstrip('.')}."
    chosen = {k[len(prefix) :]: v for k, v in weights.items() if k.startswith(prefix)}
    if not chosen:
        parts = sorted({key.split(".")[0] for key in weights})
        raise CheckpointError(
            f"{name} has no weights under prefix={prefix!r}: its parts are {', '.join(parts[:9])}"
        )
    return chosen


def _check(fit: Fit, init: Any, network: str) -> None:
    body = fit.without("head")
    if not fit.loaded or (body.differences() and not init.partial):
        prefix = fit.prefix()
        remedy = "take the file of this network, or say partial=True in init_cfg to load what fits"
        if prefix:
            remedy = f"say prefix={prefix!r} in init_cfg"
        elif not fit.loaded:
            remedy = "take the file of this network"
        raise CheckpointError(
            f"{init.checkpoint} is not what {network} is initialised from: "
            f"{(fit if not fit.loaded else body).differences()}; {remedy}"
        )


def told(fit: Fit) -> str:
    """One line: what is loaded and what is left out."""
    parts = list(dict.fromkeys(name.split(".")[0] for name in fit.network))
    if "backbone" not in parts:
        line = f"{fit.loaded} of {len(fit.network)} weights"
    else:
        counts = []
        for part in parts:
            names = [name for name in fit.network if name.split(".")[0] == part]
            left_out = {*fit.missing, *fit.wrong}.intersection(names)
            if len(left_out) < len(names):
                counts.append(f"{len(names) - len(left_out)} of {len(names)} {part} weights")
        line = ", ".join(counts)
    outs = []
    for name, (here, there) in fit.wrong.items():
        if "head" in name.split(".") and name.endswith("weight"):
            outs.append(f"head left out ({here[0]} classes for {there[0]})")
    others = [name for name in fit.missing if "head" in name.split(".")]
    if others and not outs:
        outs.append("head not in the file")
    if fit.elsewhere:
        unused = sorted({name.split(".")[0] for name in fit.elsewhere})
        outs.append(f"not used: {', '.join(unused)}")
    return "; ".join([line, *outs])
