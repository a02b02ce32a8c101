"""What happens around the iterations of a training run. Importing it registers the hooks."""

from dmmix.engine.hooks.dataset_epoch_hook import DatasetEpochHook
from dmmix.engine.hooks.deferred_info_hook import DeferredInfoHook, DeferredTimerHook
from dmmix.engine.hooks.ema_hook import EMAHook
from dmmix.engine.hooks.finite_hook import FiniteHook
from dmmix.engine.hooks.fit_hook import FitHook
from dmmix.engine.hooks.mixed_accuracy_hook import MixedAccuracyHook
from dmmix.engine.hooks.model_events_hook import ModelEventsHook
from dmmix.engine.hooks.random_state_hook import RandomStateHook
from dmmix.engine.hooks.resume_hook import ResumeHook
from dmmix.engine.hooks.worker_seed import seed_worker

__all__ = [
    "DatasetEpochHook",
    "DeferredInfoHook",
    "DeferredTimerHook",
    "EMAHook",
    "FiniteHook",
    "FitHook",
    "MixedAccuracyHook",
    "ModelEventsHook",
    "RandomStateHook",
    "ResumeHook",
    "seed_worker",
]
