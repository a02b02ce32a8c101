"""What a resumed run has to make up, and what its checkpoints say for the next one."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from dmmix.engine.loops import validation_is_due
from dmmix.engine.resuming.folder import remove_stale_best
from dmmix.engine.resuming.go_on import add_settings
from dmmix.registry import HOOKS


@HOOKS.register_module()
class ResumeHook(Hook):
    """Makes up the validation that a killed run did not come to.

    A checkpoint is saved before its epoch is validated. Where the run ended in between, the resumed
    one validates first, with all that follows from it: best checkpoint, schedules that go by
    metrics, logs. It also does where the checkpoint cannot say that it was done: the same weights
    give the same numbers.

    Checkpoints hold the settings of the run (``settings``) and the names of the optimiser's
    weights, from which the next start tells what differs. Best checkpoints that a killed run left
    behind are removed.

    A runner of type ``DmmixRunner`` always has one.
    """

    priority = "LOWEST"  # before training starts, all others are ready

    _KEY = "validated"

    def __init__(self) -> None:
        self._validated = False  # what is saved now is saved after its validation
        self._loaded = False

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Keeps what the checkpoint says."""
        self._loaded = checkpoint.get(self._KEY) is True

    def before_train(self, runner: Any) -> None:
        """Validates, where that is due."""
        if getattr(runner, "purpose", None) != "resume":
            return
        loop = runner.train_loop
        if not self._loaded and runner.val_loop is not None and _is_due(loop):
            runner.logger.info(
                "The checkpoint was saved before its validation, which is made up now."
            )
            runner.val_loop.run()
        gone = remove_stale_best(runner)
        if gone:
            runner.logger.info(f"Removed, as it is not the best any more: {', '.join(gone)}.")
        epochs = isinstance(loop, EpochBasedTrainLoop)
        done, limit = (loop.epoch, loop.max_epochs) if epochs else (loop.iter, loop.max_iters)
        if done >= limit:
            what, key = ("epochs", "max_epochs") if epochs else ("iterations", "max_iters")
            runner.logger.warning(
                f"All {limit} {what} are trained: there is nothing to go on with. A greater "
                f"train_cfg.{key} trains longer, with the rates of a run of that length."
            )

    def before_val(self, runner: Any) -> None:
        """What is saved from here on is saved after it."""
        self._validated = True

    def before_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """The next checkpoint is not validated."""
        self._validated = False

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Puts down settings, and whether the validation was done."""
        add_settings(runner, checkpoint)
        checkpoint[self._KEY] = self._validated


def _is_due(loop: Any) -> bool:
    if not isinstance(loop, EpochBasedTrainLoop | IterBasedTrainLoop) or not loop.iter:
        return False
    loop._decide_current_val_interval()
    return validation_is_due(loop)
