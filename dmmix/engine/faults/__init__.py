"""What goes wrong with the numbers of a run: how it is noticed, told and, if asked for, undone."""

from dmmix.engine.faults.errors import NonFiniteError
from dmmix.engine.faults.gradients import GradientNorms, gradient_norm
from dmmix.engine.faults.seen_step import SeenStep, bad_rows, tensors_of
from dmmix.engine.faults.skipping import SkippedUpdates
from dmmix.engine.faults.state import bad_state, norms_of_state
from dmmix.engine.faults.step_watch import StepWatch

__all__ = [
    "GradientNorms",
    "NonFiniteError",
    "SeenStep",
    "SkippedUpdates",
    "StepWatch",
    "bad_rows",
    "bad_state",
    "gradient_norm",
    "norms_of_state",
    "tensors_of",
]
