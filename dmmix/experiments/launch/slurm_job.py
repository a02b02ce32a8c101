"""What runs in a Slurm job: a cell, by dmmix sweep. Sent there by value, so it stands alone."""

from __future__ import annotations

from submitit.helpers import CommandFunction, DelayedSubmission


class CellJob(CommandFunction):
    """The command of a cell; where a job is preempted or out of time, it is queued again."""

    def checkpoint(self, *_: object, **__: object) -> DelayedSubmission:
        return DelayedSubmission(self)
