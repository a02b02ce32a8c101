"""What goes wrong with the numbers of a run: how it is noticed, told and, if asked for, undone."""

from dmmix.engine.faults.errors import NonFiniteError
from dmmix.engine.faults.gradients import GradientCheck, mark_bad_gradients
from dmmix.engine.faults.seen_step import SeenStep, bad_rows, tensors_of
from dmmix.engine.faults.skipping import SkippedUpdates
from dmmix.engine.faults.state import StateCheck
from dmmix.engine.faults.step_watch import StepWatch

__all__ = [
    "GradientCheck",
    "NonFiniteError",
    "SeenStep",
    "SkippedUpdates",
    "StateCheck",
    "StepWatch",
    "bad_rows",
    "mark_bad_gradients",
    "tensors_of",
]
