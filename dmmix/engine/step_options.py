"""The switches of a training step that change its speed: ``step = dict(...)`` of a config."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from mmengine.device import get_device
from torch import nn

from dmmix.arguments import check_arguments
from dmmix.engine.optim_wrappers import StepOptimWrapper
from dmmix.suggestions import suggestion


@dataclass(frozen=True)
class StepOptions:
    """How a training step is run. A config without ``step`` runs as mmengine runs it.

    Attributes:
        fused_optimizer: one kernel for all weights, for torch's SGD, Adam and AdamW (unless the
            optimiser's config says ``fused`` or ``foreach`` itself).
        channels_last: memory format of images and weights.
        precision: ``'fp32'``, or ``'bf16'`` or ``'fp16'`` for autocast to bfloat16 or float16; the
            latter with a scaled loss.
        compile: :func:`torch.compile` of mix, forward pass and loss together; ``True``, or a dict
            of its options. The first steps take a minute or so.
        non_finite: what is done about a loss or a gradient that is NaN or infinite: ``'stop'`` ends
            the run at the next log with :class:`~dmmix.engine.NonFiniteError`, ``'skip'`` leaves
            the update out and counts it, as if its batches had not been.
    """

    fused_optimizer: bool = False
    channels_last: bool = False
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    compile: bool | dict = False
    non_finite: Literal["stop", "skip"] = "stop"

    @classmethod
    def from_cfg(cls, cfg: Mapping | None) -> StepOptions:
        """The options of a run's config.

        Raises:
            ValueError: an unknown option, or a value that is not allowed.
        """
        chosen = dict((cfg or {}).get("step") or {})
        known = [field.name for field in fields(cls)]
        for name in chosen:
            if name not in known:
                hint = suggestion(name, known, most=1)
                raise ValueError(f"step: unknown option {name!r}, allowed are {known}{hint}")
        check_arguments(cls, chosen, called="step")
        options = cls(**chosen)
        if options.compile is not False and (cfg or {}).get("compile"):
            raise ValueError("step.compile and mmengine's own compile: only one of them, please")
        return options

    def prepare(self, model: nn.Module) -> None:
        """Gives the model (before it is wrapped) its memory format and its compiled step.

        Raises:
            ValueError: ``compile`` for a model that has no ``compile_step``, as
                :class:`dmmix.models.MixupClassifier` has.
        """
        self.set_memory_format(model, torch.channels_last)
        preprocessor: Any = getattr(model, "data_preprocessor", None)
        if self.channels_last and preprocessor is not None:
            preprocessor.channels_last = True
        if self.compile is not False:
            compile_step: Any = getattr(model, "compile_step", None)
            if compile_step is None:
                raise ValueError(
                    "step.compile needs a model with a step that compiles (MixupClassifier), got "
                    f"{type(model).__name__}: leave step.compile=False, or take mmengine's "
                    "compile = True"
                )
            compile_step(**({} if self.compile is True else self.compile))

    def set_memory_format(self, model: nn.Module, memory_format: torch.memory_format) -> None:
        """Lays the weights out in this format, where ``channels_last`` is on."""
        if self.channels_last:
            model.to(memory_format=memory_format)  # type: ignore[call-overload]

    def optim_wrapper(self, config: Any) -> Any:
        """The config of the optimiser's wrapper, with what the options ask for.

        Raises:
            ValueError: ``precision`` or ``non_finite='skip'`` beside another wrapper.
        """
        if not isinstance(config, Mapping) or not isinstance(config.get("optimizer"), Mapping):
            if self.non_finite == "skip" and getattr(config, "skipped", None) is None:
                raise ValueError(
                    "step.non_finite='skip' needs optim_wrapper=dict(optimizer=dict(...)) of one "
                    f"optimizer, got {config!r}"
                )
            return config
        config = dict(config)
        kind = config.get("type", "OptimWrapper")
        if kind == "OptimWrapper":
            config.update(
                type=StepOptimWrapper, precision=self.precision, non_finite=self.non_finite
            )
        elif self.precision != "fp32" or self.non_finite == "skip":
            name = "precision" if self.precision != "fp32" else "non_finite"
            raise ValueError(
                f"step.{name}={getattr(self, name)!r} does not go with optim_wrapper.type={kind!r}"
            )
        if self.fused_optimizer:
            config["optimizer"] = _fused(dict(config["optimizer"]))
        return config

    def merge_groups(self, optimizer: torch.optim.Optimizer) -> None:
        """Makes one group of all weights with the same settings, for a fused optimiser.

        With ``paramwise_cfg`` mmengine makes a group for each weight, and there is a kernel for
        each group.
        """
        if not (self.fused_optimizer and optimizer.defaults.get("fused")):
            return
        merged: dict[tuple, dict] = {}
        for group in optimizer.param_groups:
            settings = {name: value for name, value in group.items() if name != "params"}
            key = tuple(sorted((name, repr(value)) for name, value in settings.items()))
            merged.setdefault(key, {"params": [], **settings})["params"] += group["params"]
        optimizer.param_groups[:] = merged.values()


def _fused(optimizer: dict) -> dict:
    kind = optimizer.get("type")
    kind = getattr(torch.optim, kind, None) if isinstance(kind, str) else kind
    if (
        kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
        and "fused" in inspect.signature(kind.__init__).parameters
        and get_device() in ("cpu", "cuda")
        and not {"fused", "foreach", "differentiable"} & optimizer.keys()
    ):
        optimizer["fused"] = True
    return optimizer
