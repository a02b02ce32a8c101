"""What is said of batches that were left out."""

from __future__ import annotations

from typing import Any

from dmmix.engine.faults.errors import shown
from dmmix.engine.faults.samples import sample_numbers
from dmmix.engine.faults.seen_step import SeenStep
from dmmix.engine.faults.skipping import SkippedUpdates
from dmmix.engine.faults.step_watch import StepWatch

__all__ = ["SkipLog"]

_IN_A_ROW = 50
_SHOWN = 3
_KEY = "skipped_batches"


class SkipLog:
    """Counts over interruptions, and logs.

    The message hub's ``skipped_batches`` holds the count; it is in checkpoints.

    Args:
        runner: of the training.
        skipped: of its ``StepOptimWrapper``.
    """

    def __init__(self, runner: Any, skipped: SkippedUpdates) -> None:
        self._skipped = skipped
        skipped.batches = int(runner.message_hub.get_info(_KEY, 0))
        self._told = self._noted = skipped.batches
        self._lines: list[str] = []
        self._first = runner.iter  # of the epoch

    def add(self, runner: Any, step: SeenStep, watch: StepWatch) -> None:
        """Notes the last step of an update that was left out."""
        if self._skipped.batches == self._noted:
            return  # float16's scaler, as usual
        self._noted = self._skipped.batches
        if len(self._lines) == _SHOWN:
            return
        samples = sample_numbers(runner, step, watch.batch_of(step))
        which = "; ".join(f"{name} {shown(numbers)}".strip() for name, numbers in samples.items())
        self._lines.append(f"iteration {step.iteration + 1}" + (f": samples {which}" * bool(which)))

    def report(self, runner: Any, ends_epoch: bool) -> int:
        """Logs what was left out since the last time.

        Returns:
            How many in a row, if that is a reason to end; 0 if it is none.
        """
        skipped = self._skipped
        if skipped.batches > self._told:
            self._told = skipped.batches
            runner.message_hub.update_info(_KEY, skipped.batches)
            runner.logger.warning(
                "step.non_finite='skip': %d batch(es) left out so far, since a loss or a gradient "
                "is not finite; the first since the last log: %s",
                skipped.batches,
                "; ".join(self._lines),
            )
        self._lines.clear()
        done = runner.iter - self._first  # at the end of an epoch the last step is counted
        limit = min(_IN_A_ROW, done) if ends_epoch else _IN_A_ROW
        if ends_epoch:
            self._first = runner.iter
        return skipped.in_a_row if skipped.in_a_row >= limit > 0 else 0
