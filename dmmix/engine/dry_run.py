"""A few steps of everything, to see whether a config works before hours go into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner

from dmmix.engine.faults.errors import NonFiniteError
from dmmix.engine.hooks.finite_hook import FiniteHook
from dmmix.engine.hooks.resume_hook import ResumeHook


class DryRun(dict[str, float]):
    """What the first step of a dry run would log: the losses and the mixed accuracies.

    Attributes:
        steps: how many were trained.
    """

    steps = 0


class _StepsDone(Exception):
    """Raised after the last iteration; nothing that follows it is run."""


class _StopAfter(Hook):
    priority = "LOWEST"  # all other hooks have acted

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._done = 0
        self.outputs = DryRun()
        self._first: dict | None = None

    def before_run(self, runner: Runner) -> None:
        # They would write between the steps, or remove what an earlier run has written; what they
        # are asked to do has been looked at.
        kinds = (CheckpointHook, ResumeHook)
        runner._hooks = [hook for hook in runner.hooks if not isinstance(hook, kinds)]

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        self._done += 1
        if self._done == 1:
            self._first = outputs
        if self._done == self._steps or runner.iter + 1 == runner.max_iters:
            self._finish(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        self._finish(runner)

    def before_val(
        self, runner: Runner
    ) -> None:  # between two iterations of an iteration-based loop
        self._finish(runner)

    def _finish(self, runner: Runner) -> None:
        if self.outputs.steps:  # who goes on with the runner is not stopped again
            return
        for hook in _finite_hooks(runner):
            hook.check(runner, ends_epoch=True)
        self.outputs = DryRun(
            (name, float(torch.as_tensor(value).detach()))
            for name, value in (self._first or {}).items()
            if torch.as_tensor(value).ndim == 0
        )
        self.outputs.steps = self._done
        raise _StepsDone


def dry_run(runner: Runner, steps: int = 3) -> DryRun:
    """Builds everything, trains a few steps, predicts one validation batch, and stops.

    There are fewer steps where the epoch, or the time to the first validation, is shorter. Writes
    no checkpoint, and no dump.

    Args:
        runner: a new one; it is of no use afterwards.
        steps: at least 1.

    Raises:
        NonFiniteError: a loss, a gradient, a weight or a prediction is not finite.
        Exception: whatever else fails on the way.
    """
    if not list(_finite_hooks(runner)):
        runner.register_hook(FiniteHook())
    for hook in _finite_hooks(runner):
        hook.writes_dump = False
    stop = _StopAfter(steps)
    runner.register_hook(stop)
    runner.writes = False
    with suppress(_StepsDone):
        runner.train()
    if runner.val_loop is not None:
        model = runner.model
        model.eval()
        with torch.no_grad():
            _check_predictions(model.val_step(next(iter(runner.val_loop.dataloader))))
    if runner._test_loop is not None:
        _ = runner.test_loop  # is built when it is first asked for
    return stop.outputs


def _finite_hooks(runner: Runner) -> Iterator[FiniteHook]:
    return (hook for hook in runner.hooks if isinstance(hook, FiniteHook))


def _check_predictions(predictions: Any) -> None:
    if hasattr(predictions, "scores"):
        scores = predictions.scores
    elif isinstance(predictions, list | tuple):
        scores = [getattr(sample, "pred_score", None) for sample in predictions]
        scores = torch.stack(scores) if all(isinstance(s, torch.Tensor) for s in scores) else None
    else:
        return
    if scores is not None and not torch.isfinite(scores).all():
        bad = (~torch.isfinite(scores)).flatten(1).any(dim=1).nonzero().flatten().tolist()
        raise NonFiniteError(
            f"the predictions of {len(bad)} of {len(scores)} images of the first validation batch "
            f"are not finite, the first that of image {bad[0]}: look at this image and at what "
            "normalises it"
        )
