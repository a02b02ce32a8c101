"""Training: the runner, its hooks, loops and schedules. Importing it registers them."""

from dmmix import registry  # noqa: F401 - first: mmpretrain may need what it prepares
from dmmix.engine.checks import RunChecksHook
from dmmix.engine.cpu_distributed import init_cpu_processes, leave_processes
from dmmix.engine.dry_run import DryRun, dry_run
from dmmix.engine.dump_predictions import DumpPredictions
from dmmix.engine.faults import NonFiniteError
from dmmix.engine.hooks import (
    DatasetEpochHook,
    DeferredInfoHook,
    DeferredTimerHook,
    EMAHook,
    FiniteHook,
    FitHook,
    MixedAccuracyHook,
    ModelEventsHook,
    RandomStateHook,
    ResumeHook,
    seed_worker,
)
from dmmix.engine.loops import EpochTrainLoop, IterTrainLoop
from dmmix.engine.optim_wrappers import StepOptimWrapper
from dmmix.engine.runner import DmmixRunner
from dmmix.engine.schedules import PartialCosineLR
from dmmix.engine.step_options import StepOptions
from dmmix.models.averaged_model import ExponentialMovingAverage

__all__ = [
    "DatasetEpochHook",
    "DeferredInfoHook",
    "DeferredTimerHook",
    "DmmixRunner",
    "DryRun",
    "DumpPredictions",
    "EMAHook",
    "EpochTrainLoop",
    "ExponentialMovingAverage",
    "FiniteHook",
    "FitHook",
    "IterTrainLoop",
    "MixedAccuracyHook",
    "ModelEventsHook",
    "NonFiniteError",
    "PartialCosineLR",
    "RandomStateHook",
    "ResumeHook",
    "RunChecksHook",
    "StepOptimWrapper",
    "StepOptions",
    "dry_run",
    "init_cpu_processes",
    "leave_processes",
    "seed_worker",
]
