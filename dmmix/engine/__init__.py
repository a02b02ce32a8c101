"""Training: the runner, its hooks, loops and schedules. Importing it registers them."""

from dmmix import registry  # noqa: F401 - first: mmpretrain may need what it prepares
from dmmix.engine.checks.hook import RunChecksHook
from dmmix.engine.dry_run import DryRun, dry_run
from dmmix.engine.dump_predictions import DumpPredictions
from dmmix.engine.faults.errors import NonFiniteError
from dmmix.engine.hooks.dataset_epoch_hook import DatasetEpochHook
from dmmix.engine.hooks.deferred_info_hook import DeferredInfoHook, DeferredTimerHook
from dmmix.engine.hooks.early_stopping_hook import EarlyStoppingHook
from dmmix.engine.hooks.ema_hook import EMAHook
from dmmix.engine.hooks.finite_hook import FiniteHook
from dmmix.engine.hooks.fit_hook import FitHook
from dmmix.engine.hooks.mixed_accuracy_hook import MixedAccuracyHook
from dmmix.engine.hooks.model_events_hook import ModelEventsHook
from dmmix.engine.hooks.random_state_hook import RandomStateHook
from dmmix.engine.hooks.resume_hook import ResumeHook
from dmmix.engine.loops import EpochTrainLoop, IterTrainLoop
from dmmix.engine.optim_wrappers import StepOptimWrapper
from dmmix.engine.partial_cosine import PartialCosineLR
from dmmix.engine.predictor import Predicted, Predictor
from dmmix.engine.processes import init_cpu_processes, leave_processes
from dmmix.engine.random_states import seed_worker
from dmmix.engine.runner import DmmixRunner
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
    "EarlyStoppingHook",
    "EpochTrainLoop",
    "ExponentialMovingAverage",
    "FiniteHook",
    "FitHook",
    "IterTrainLoop",
    "MixedAccuracyHook",
    "ModelEventsHook",
    "NonFiniteError",
    "PartialCosineLR",
    "Predicted",
    "Predictor",
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
