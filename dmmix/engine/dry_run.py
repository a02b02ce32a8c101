"""One step of everything, to see whether a config works before hours go into it."""

from __future__ import annotations

from contextlib import suppress

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

__all__ = ["dry_run"]


class _StepDone(Exception):
    """Raised after the first iteration; nothing that follows it is run."""


class _StopAfterOneStep(Hook):
    priority = 80  # after all but CheckpointHook (VERY_LOW, 90), which must not get to save

    def __init__(self) -> None:
        self.outputs: dict[str, float] = {}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.outputs = {
            name: float(torch.as_tensor(value).detach())
            for name, value in (outputs or {}).items()
            if torch.as_tensor(value).ndim == 0
        }
        raise _StepDone


def dry_run(runner: Runner) -> dict[str, float]:
    """Builds what training needs, trains one step, predicts one validation batch, and stops.

    Writes no checkpoint.

    Returns:
        What the step would log: the losses and the mixed accuracies.

    Raises:
        FloatingPointError: the loss of the first step is not finite.
        Whatever fails on the way.
    """
    stop = _StopAfterOneStep()
    runner.register_hook(stop)
    with suppress(_StepDone):
        runner.train()
    loss = stop.outputs.get("loss")
    if loss is not None and not torch.isfinite(torch.tensor(loss)):
        raise FloatingPointError(f"the loss of the first step is {loss}")
    if runner.val_loop is not None:
        model = runner.model
        model.eval()
        with torch.no_grad():
            model.val_step(next(iter(runner.val_loop.dataloader)))
    return stop.outputs
