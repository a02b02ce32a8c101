"""Training loops that go on at any batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_rank
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from torch import nn
from torch.utils.data import DataLoader

from dmmix.datasets.batches.drawn_batches import DrawnBatches
from dmmix.datasets.interface import makes_batches
from dmmix.registry import LOOPS


@LOOPS.register_module()
class EpochTrainLoop(EpochBasedTrainLoop):
    """mmengine's, which goes on in the middle of an epoch where a checkpoint was saved there.

    What a data set draws for a sample follows from the seed, the rank and the number of its batch
    (``DrawnBatch``): it is the same with any number of workers,
    living on or not, and after a resume.

    Config: ``train_cfg = dict(by_epoch=True, max_epochs=200)`` with a runner of type
    ``DmmixRunner``.
    """

    def __init__(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(runner, *args, **kwargs)
        draw_by_place(self.dataloader, runner.seed)

    def run_epoch(self) -> None:
        """The batches of an epoch that were not trained on yet."""
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        done = self._iter - self._epoch * len(self.dataloader)
        if done < len(self.dataloader):  # a checkpoint by iterations may be from the last one
            for k, batch in enumerate(batches_of_pass(self.dataloader, self._epoch, done), done):
                self.run_iter(k, batch)
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1


@LOOPS.register_module()
class IterTrainLoop(IterBasedTrainLoop):
    """mmengine's, which goes on with the batch that an uninterrupted run would have had.

    Nothing is loaded to be left out, and a pass through the data begins without a wait. What a data
    set draws for a sample is as in :class:`EpochTrainLoop`.

    Config: ``train_cfg = dict(by_epoch=False, max_iters=10000)`` with a runner of type
    ``DmmixRunner``.
    """

    def __init__(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(runner, *args, **kwargs)
        draw_by_place(self.dataloader, runner.seed)

    def run(self) -> nn.Module:
        """Trains until ``max_iters``."""
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")  # all of training is one, as in mmengine
        batches = self._batches()
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(batches))
            self._decide_current_val_interval()
            if self.runner.val_loop is not None and validation_is_due(self):
                self.runner.val_loop.run()
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        return self.runner.model

    def _batches(self) -> Iterator[Any]:
        loader = self.dataloader
        length = batches_in_pass(loader)
        done = 0 if getattr(self, "fast_forward_on_resume", False) else self._iter
        passes, within = divmod(done, length) if length else (0, done)
        while True:
            sampler: Any
            for sampler in (loader.sampler, getattr(loader.batch_sampler, "sampler", None)):
                if passes and hasattr(sampler, "set_epoch"):
                    sampler.set_epoch(passes)
            yield from batches_of_pass(loader, passes, within)
            passes, within = passes + 1, 0


def validation_is_due(loop: EpochBasedTrainLoop | IterBasedTrainLoop) -> bool:
    """Whether a validation follows the epochs or iterations that there were."""
    done, limit = loop.iter, loop.max_iters
    if isinstance(loop, EpochBasedTrainLoop):
        if loop.iter != loop.epoch * len(loop.dataloader):
            return False
        done, limit = loop.epoch, loop.max_epochs
    return done >= loop.val_begin and (done % loop.val_interval == 0 or done == limit)


def draw_by_place(loader: DataLoader, seed: int | None) -> None:
    """Numbers the batches of a loader, and lets its data set draw by their numbers."""
    if loader.batch_sampler is None or isinstance(loader.batch_sampler, DrawnBatches):
        return  # no batches to number; a loader that a first run was given
    place = None if makes_batches(loader.dataset) else (seed or 0, get_rank())
    # A loader lets nobody set its samplers, which would come too late for an iteration.
    vars(loader)["batch_sampler"] = DrawnBatches(loader.batch_sampler, place)


def batches_in_pass(loader: DataLoader) -> int:
    """Until the loader ends; 0 if it does not."""
    sampler = getattr(loader.batch_sampler, "sampler", loader.sampler)
    return 0 if isinstance(sampler, InfiniteSampler) else len(loader)


def batches_of_pass(loader: DataLoader, number: int, done: int) -> Iterator[Any]:
    """What the loader gives in the pass of that number, without the first ``done`` batches.

    Raises:
        ValueError: batches are to be left out, and the loader has no batch sampler.
    """
    batches = loader.batch_sampler
    if isinstance(batches, DrawnBatches):
        batches.number, batches.skip = number * batches_in_pass(loader), done
    elif done:
        raise ValueError(
            "the data loader has no batch sampler to start with at batch "
            f"{done}: set train_dataloader.batch_size, or resume from the end of an epoch"
        )
    return iter(loader)
