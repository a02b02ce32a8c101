"""A run whose numbers are not finite ends, before it writes anything over what was good."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner

from dmmix.engine.deferred import is_logged
from dmmix.engine.faults.checks import GradientCheck, StateCheck
from dmmix.engine.faults.errors import NonFiniteError, describe
from dmmix.engine.faults.report import make_report, write_dump
from dmmix.engine.faults.skipping import SkipLog
from dmmix.engine.faults.step_watch import SeenStep, StepWatch, read
from dmmix.engine.hooks.random_state_hook import saves_now
from dmmix.engine.processes import network_of
from dmmix.registry import HOOKS

_STATE_EVERY = 50  # steps; to look at all weights of a small network takes a tenth of a step


@HOOKS.register_module()
class FiniteHook(Hook):
    """Ends training where a loss, a gradient, a weight or a buffer is NaN or infinite.

    In each step what is found of the losses and of the gradients is added to a sum on the device,
    and the batch is kept until the next good one. On a GPU nothing is read there. The sum, the
    weights and the buffers (the running statistics of BatchNorm) are looked at

    - where a LoggerHook logs and at the end of each epoch; weights and buffers there only if 50
      steps have gone by since the last time,
    - before a CheckpointHook saves, which is before it removes an older checkpoint,
    - before validation, so that no metric or best checkpoint comes of bad weights,
    - at the end of training.

    Then all processes raise the same error. It names the first bad iteration, the losses, the
    samples and what usually helps. ``work_dir/non_finite_iter_N.pth`` holds the batch as the
    network got it, before it was mixed, with labels and losses; stock
    ``torch.load(path, weights_only=True)`` reads it.

    In float16 an update whose scaled gradients are not finite is left out as ever, which is no
    fault; a loss that is not finite is one, and a scale below 1e-4, which no gradient needs.

    With ``StepOptimWrapper(non_finite='skip')`` bad updates are left out, and the hook logs how
    many. Training ends there if 50 batches in a row, or all of an epoch, were left out, or if
    weights or buffers are not finite all the same.

    A runner of type ``DmmixRunner`` always has one. Config: ``default_hooks =
    dict(finite=dict(type='FiniteHook'))``.

    Raises:
        NonFiniteError: (at the times above) something is not finite.
    """

    # After LoggerHook, whose line is of use; before CheckpointHook.
    priority = "LOW"

    def __init__(self) -> None:
        self._watch = StepWatch()
        self._skips: SkipLog | None = None
        self._gradients: GradientCheck | None = None
        self._state: StateCheck | None = None
        self._since_state = 0  # steps since it was looked at
        self._batch: Any = None  # what the data preprocessor made of the last batch
        self._handle: Any = None
        self._training = False
        self.writes_dump = True

    def before_train(self, runner: Runner) -> None:
        """Looks at the weights that training starts from."""
        model = network_of(runner.model)
        weights = next(model.parameters(), None)
        self._watch = StepWatch("cpu" if weights is None else weights.device)
        self._training = True
        skipped = getattr(runner.optim_wrapper, "skipped", None)
        self._skips = None if skipped is None else SkipLog(runner, skipped)
        if skipped is None:
            self._gradients = GradientCheck(runner.optim_wrapper, self._watch.flag)
        preprocessor = getattr(model, "data_preprocessor", None)
        if isinstance(preprocessor, torch.nn.Module):
            self._handle = preprocessor.register_forward_hook(self._keep_batch)
        self._state = StateCheck(model)
        self.check(runner)

    def _keep_batch(self, module: torch.nn.Module, inputs: Any, output: Any) -> None:
        self._batch = output

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Remembers the step; looks at all since the last time where they are logged or saved."""
        step = SeenStep(runner, batch_idx, data_batch, outputs)
        if self._gradients is not None:
            self._gradients.look_at_scales()
        self._watch.see(step, self._batch, watched=self._skips is None)
        self._batch = None
        if self._skips is not None and runner.optim_wrapper.has_skipped:
            self._skips.add(runner, step, self._watch)
        self._since_state += 1
        saves = saves_now(runner)
        if saves or self._watch.full or is_logged(runner, batch_idx):
            self.check(runner, state=saves or self._since_state >= _STATE_EVERY)

    def after_train_epoch(self, runner: Runner) -> None:
        """Looks at the steps since the last time."""
        if self._since_state or self._skips is not None:
            saves = saves_now(runner, ends_epoch=True)
            self.check(runner, ends_epoch=True, state=saves or self._since_state >= _STATE_EVERY)

    def before_val(self, runner: Runner) -> None:
        """Looks at the steps since the last time, if this is a part of training."""
        if self._training and self._since_state:
            self.check(runner)

    def after_train(self, runner: Runner) -> None:
        """Looks for the last time."""
        if self._since_state:
            self.check(runner)
        self._training = False
        if self._gradients is not None:
            self._gradients.remove()
        if self._handle is not None:
            self._handle.remove()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Looks once more where somebody saves at a time of their own; on the master alone."""
        if self._training and self._since_state and any(self._bad().tolist()):
            report, step = self._report(runner)
            if report is not None:
                raise self._error(runner, report, step)

    def check(self, runner: Runner, ends_epoch: bool = False, state: bool = True) -> None:
        """Looks at the steps since the last time, on all ranks; at the state too if ``state``.

        Raises:
            NonFiniteError: one was bad, or a weight or a buffer is.
        """
        in_a_row = 0 if self._skips is None else self._skips.report(runner, ends_epoch)
        bad = self._bad(state).int()
        all_reduce(bad, op="max")
        if in_a_row or any(bad.tolist()):
            self._raise(runner, in_a_row)
        self._watch.forget()
        if state:
            self._since_state = 0

    def _bad(self, state: bool = True) -> torch.Tensor:
        """Whether it is worth a closer look, (1,), on the device."""
        norm = self._state.norm() if self._state is not None and state else None
        bad = self._watch.bad
        return bad if norm is None else bad | ~torch.isfinite(norm).to(bad.device)

    def _raise(self, runner: Runner, in_a_row: int) -> None:
        """The earliest fault of all ranks, the same error on each of them."""
        report, step = self._report(runner, in_a_row)
        key = None if report is None else _order(report)
        keys = [found for found in all_gather_object(key) if found is not None]
        if not keys:
            return  # a norm that is too large for float32, of finite numbers
        mine = self._error(runner, report, step) if report and key == min(keys) else None
        texts = [found for found in all_gather_object(mine and (str(mine), mine.report)) if found]
        raise NonFiniteError(*texts[0])

    def _report(
        self, runner: Runner, in_a_row: int = 0
    ) -> tuple[dict[str, Any] | None, SeenStep | None]:
        """What is wrong, if anything is, and the step that it is told of."""
        state = {} if self._state is None else self._state.bad()
        step = self._watch.first_bad() if self._skips is None else None
        if step is None and not (in_a_row or any(state.values())):
            return None, None
        if step is None and (step := self._watch.last) is not None:
            read(step)
            step.bad_gradient = False
        batch = {} if step is None else self._watch.batch_of(step)
        return make_report(runner, step, batch, state, in_a_row), step

    def _error(
        self, runner: Runner, report: dict[str, Any], step: SeenStep | None
    ) -> NonFiniteError:
        message = describe(report)
        if self.writes_dump and step is not None:
            path = Path(runner.work_dir, f"non_finite_iter_{report['iteration']}.pth")
            report = {**report, "message": message}
            message += " " + write_dump(path, report, self._watch.batch_of(step), step)
        return NonFiniteError(message, report)


def _order(report: dict[str, Any]) -> tuple[int, bool, int]:
    """The first iteration counts; of several ranks the one where a loss went wrong, not only the
    gradients that it has with the others."""
    return report["iteration"], not report["bad"], report["rank"]
