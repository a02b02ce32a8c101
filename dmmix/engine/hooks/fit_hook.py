"""Weights of another network are told before they are loaded."""

from __future__ import annotations

import re
from typing import Any

from mmengine.hooks import Hook

from dmmix.compat import CheckpointError
from dmmix.compat.fit import WRAPPED, find_fit, first_not_finite
from dmmix.compat.pretrained import told
from dmmix.engine.processes import network_of
from dmmix.engine.resuming.go_on import check_seed
from dmmix.registry import HOOKS


@HOOKS.register_module()
class FitHook(Hook):
    """Compares each checkpoint with the network before it is loaded, by names and shapes.

    To resume, everything must fit, and the checkpoint must hold what training goes on from. To
    test, all weights of the network must be there. To begin training from (``load_from``), the
    whole backbone; a head of other classes is left out, with a line that says so.

    Args:
        partial: load what fits where training begins from a checkpoint.

    Raises:
        dmmix.compat.CheckpointError: it does not fit; the message says what differs.

    Config: always among the hooks of :class:`~dmmix.engine.DmmixRunner`;
    ``custom_hooks = [dict(type='FitHook', partial=True)]`` to load in part.
    """

    priority = "HIGHEST"

    def __init__(self, partial: bool = False) -> None:
        self.partial = partial

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Compares."""
        weights = checkpoint.get("state_dict", checkpoint)
        weights = {re.sub(WRAPPED, "", key): value for key, value in weights.items()}
        model = network_of(runner.model)
        fit = find_fit(model, weights)
        purpose = getattr(runner, "purpose", "train")
        name = getattr(runner, "loading", None) or "the checkpoint"
        if purpose == "resume":
            _check_state(runner, name, checkpoint, weights)
            check_seed(name, checkpoint, runner._randomness_cfg.get("seed"))
            misfit = fit.differences() or (fit.elsewhere and f"{fit.elsewhere[0]} is of no part")
            remedy = "resume with the config that it was trained with, or take it as load_from only"
        elif purpose == "test":
            misfit, remedy = fit.differences(), "test with the config that it was trained with"
        else:
            body = fit.without("head")
            body.missing = [name for name in body.missing if name.startswith("backbone.")]
            misfit = "" if self.partial and fit.loaded else body.differences()
            misfit = misfit or ("" if fit.loaded or not fit.network else fit.differences())
            remedy = "custom_hooks=[dict(type='FitHook', partial=True)] loads what fits"
        if misfit:
            raise CheckpointError(f"{name} is of another network: {misfit}; {remedy}")
        runner.logger.info(f"{name}: {told(fit)}.")


def _check_state(runner: Any, file: str, checkpoint: dict, weights: dict) -> None:
    """What training goes on from is there and makes sense."""
    meta = checkpoint.get("meta")
    for name in ("epoch", "iter"):
        value = meta.get(name) if isinstance(meta, dict) else None
        if type(value) is not int or value < 0:
            raise CheckpointError(f"{file} cannot be resumed: its {name} is {value!r}")
    absent = [key for key in ("optimizer", "message_hub") if key not in checkpoint]
    if runner.param_schedulers and "param_schedulers" not in checkpoint:
        absent.append("param_schedulers")
    if absent:
        raise CheckpointError(
            f"{file} holds no {', '.join(absent)} to go on from (the best one, "
            "published ones and those of dmmix sweep --small-checkpoints hold weights only): "
            "resume from an epoch's, or begin from its weights with load_from and without resume, "
            "or train anew (--overwrite)"
        )
    schedules = checkpoint.get("param_schedulers", [])
    if not isinstance(schedules, list | dict):
        raise CheckpointError(
            f"{file} cannot be resumed: its param_schedulers are {schedules!r}, no list of states"
        )
    broken = first_not_finite(weights)
    if broken:
        raise CheckpointError(f"{file} cannot be resumed: {broken} is not finite")
