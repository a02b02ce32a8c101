"""mmengine's records of an iteration, without waiting for the device in each."""

from __future__ import annotations

import time
from typing import Any

from mmengine.hooks import Hook, IterTimerHook, RuntimeInfoHook
from mmengine.runner import Runner

from dmmix.engine.deferred import DeferredScalars, is_logged
from dmmix.registry import HOOKS


class _Deferring(Hook):
    """A hook whose numbers of an iteration wait in :class:`DeferredScalars`."""

    def __init__(self) -> None:
        super().__init__()
        self._scalars = DeferredScalars()

    def _flush(self, runner: Runner) -> None:
        # What StepOptimWrapper(non_finite="skip") has left out is in no mean.
        self._scalars.only_finite = getattr(runner.optim_wrapper, "skipped", None) is not None
        self._scalars.flush(runner.message_hub)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Puts the message hub as it is now into the checkpoint."""
        self._flush(runner)
        checkpoint["message_hub"] = runner.message_hub.state_dict()


@HOOKS.register_module()
class DeferredInfoHook(_Deferring, RuntimeInfoHook):
    """:class:`mmengine.hooks.RuntimeInfoHook` that reads the losses at the logging interval only.

    The histories in the message hub are the same, value for value, but they lag behind between
    two logs: they are brought up to date where a LoggerHook is about to log, at the end of an
    epoch, before validation and before a checkpoint is saved.

    Config: ``default_hooks = dict(runtime_info=dict(type='DeferredInfoHook'))``.
    """

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Notes the iteration and the learning rates."""
        runner.message_hub.update_info("iter", runner.iter)
        for name, rates in runner.optim_wrapper.get_lr().items():
            self._scalars.add(f"train/{name}", rates[0])

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Notes the losses."""
        for name, value in (outputs or {}).items():
            self._scalars.add(f"train/{name}", value)
        pop_scalars = getattr(runner.optim_wrapper, "pop_scalars", None)
        for name, value in (pop_scalars() if pop_scalars else {}).items():
            self._scalars.add(f"train/{name}", value)
        if self._scalars.full or is_logged(runner, batch_idx):
            self._flush(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Brings the message hub up to date."""
        self._flush(runner)

    def before_val(self, runner: Runner) -> None:
        """Brings the message hub up to date."""
        self._flush(runner)
        super().before_val(runner)

    def after_train(self, runner: Runner) -> None:
        """Brings the message hub up to date."""
        self._flush(runner)
        super().after_train(runner)


@HOOKS.register_module()
class DeferredTimerHook(_Deferring, IterTimerHook):
    """:class:`mmengine.hooks.IterTimerHook` that writes the times down at the logging interval.

    Where nothing waits for the device in between, the time of one iteration on a GPU is that of
    starting it; their mean over an interval is right all the same.

    Config: ``default_hooks = dict(timer=dict(type='DeferredTimerHook'))``.
    """

    t: float  # when the last iteration was over

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Notes how long the data took."""
        self._scalars.add("train/data_time", time.time() - self.t)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Notes how long the iteration took, and when training will be over."""
        now = time.time()
        self._scalars.add("train/time", now - self.t)
        self.time_sec_tot += now - self.t
        self.t = now
        if self._scalars.full or is_logged(runner, batch_idx):
            self._flush(runner)
            mean = self.time_sec_tot / (runner.iter - self.start_iter + 1)
            runner.message_hub.update_info("eta", mean * (runner.max_iters - runner.iter - 1))
