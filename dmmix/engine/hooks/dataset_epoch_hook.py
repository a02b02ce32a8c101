"""Datasets that draw by epoch are told which one it is."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from dmmix.datasets.interface import epoch_sources, set_epoch
from dmmix.engine.loops import batches_in_pass
from dmmix.registry import HOOKS


@HOOKS.register_module()
class DatasetEpochHook(Hook):
    """Calls ``set_epoch(epoch)`` of the training dataset before each epoch, if it has one; through
    any wrapper (``ClassBalancedDataset``, ``ConcatDataset``, torch's ``Subset``, ...).

    Such a dataset draws what is random in a sample from (seed, epoch, index): the sample is the
    same whichever worker makes it, and after a resume.

    In an iteration-based loop an epoch is one run through the data loader: the dataset is told when
    the last batch was trained on, before the loader starts anew. There, and with
    ``persistent_workers=True``, it has to keep the epoch in shared memory, as
    :class:`~dmmix.datasets.DecodedFolder` does. A loader without an end (mmengine's
    ``InfiniteSampler``) never starts anew, and its workers are ahead of training at any time: it is
    all one epoch then, which is warned of.
    """

    # Before the workers of the epoch are started.
    priority = "VERY_HIGH"

    def __init__(self) -> None:
        self._length = 0  # batches of an epoch in an iteration-based loop; 0: nobody is to be told
        self._start = 0  # the iteration at which the loader started

    def before_train_epoch(self, runner: Runner) -> None:
        """Tells the dataset the epoch."""
        loader, loop = runner.train_dataloader, runner.train_loop
        sources = epoch_sources(loader.dataset)
        if not sources:
            return
        if not isinstance(loop, IterBasedTrainLoop):
            set_epoch(loader.dataset, runner.epoch)
            return
        self._length = batches_in_pass(loader)
        if not self._length:
            runner.logger.warning(
                "%s draws by epoch, and the data loader has no end: what it draws for a sample "
                "never changes. Take a sampler that ends, such as DefaultSampler",
                type(sources[0]).__name__,
            )
            set_epoch(loader.dataset, 0)
            return
        # After a resume mmengine goes through the batches before it again, if it is not told to
        # start with the first one.
        self._start = runner.iter if getattr(loop, "fast_forward_on_resume", False) else 0
        set_epoch(loader.dataset, runner.iter // self._length)

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Tells the dataset the next epoch, if this was the loader's last batch."""
        if not self._length:
            return
        epochs, rest = divmod(runner.iter + 1 - self._start, self._length)
        if rest == 0:
            set_epoch(runner.train_dataloader.dataset, self._start // self._length + epochs)
