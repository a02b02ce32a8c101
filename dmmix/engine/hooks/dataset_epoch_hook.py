"""Datasets that draw by epoch are told which one it is."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from dmmix.registry import HOOKS

__all__ = ["DatasetEpochHook"]


@HOOKS.register_module()
class DatasetEpochHook(Hook):
    """Calls ``set_epoch(epoch)`` of the training dataset, if it has one, before each epoch.

    Such a dataset draws what is random in a sample from (seed, epoch, index): the sample is the
    same whichever worker makes it, and after a resume. With ``persistent_workers=True`` it has to
    keep the epoch in shared memory, as :class:`~dmmix.datasets.DecodedFolder` does. In an
    iteration-based loop it hears of the first epoch only.
    """

    # Before the workers of the epoch are started.
    priority = "VERY_HIGH"

    def before_train_epoch(self, runner: Runner) -> None:
        """Tells the dataset the epoch."""
        dataset = runner.train_dataloader.dataset
        if hasattr(dataset, "set_epoch"):
            dataset.set_epoch(runner.epoch)
