"""Which samples of the training data a batch was made of."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import torch
from mmengine.dataset import DefaultSampler
from mmengine.runner import IterBasedTrainLoop
from mmpretrain.datasets import RepeatAugSampler
from torch import Tensor
from torch.utils.data import SequentialSampler

from dmmix.engine.faults.seen_step import SeenStep

__all__ = ["sample_numbers"]


def sample_numbers(
    runner: Any, step: SeenStep, batch: Mapping[str, Tensor]
) -> dict[str, list[int]]:
    """Numbers of the samples of a step, by stream (``""`` where there is one); empty if unknown.

    They are ``sample_idx`` of the data samples or of the batch, or else what the sampler drew:
    ``train_dataloader.dataset[number]``. Of semi-supervised batches, those of the unlabelled
    images, in the unlabelled set.
    """
    if step.sample_idx is not None:
        return {"": torch.as_tensor(step.sample_idx).flatten().tolist()}
    numbers: list[Any] = [getattr(sample, "sample_idx", None) for sample in step.data_samples or ()]
    if numbers and all(number is not None for number in numbers):
        return {"": [int(number) for number in numbers]}
    if "index" in batch:
        return {"unlabelled": batch["index"].flatten().tolist()}
    drawn = _drawn(runner, step)
    return {"": drawn} if drawn else {}


def _drawn(runner: Any, step: SeenStep) -> list[int]:
    """What the sampler gives again, if it is one that draws by the seed and the epoch alone."""
    loader, loop = runner.train_dataloader, runner.train_loop
    sampler: Any = getattr(loader.batch_sampler, "sampler", None)
    if not _repeats(sampler):
        return []
    place, epoch = step.batch_idx, getattr(sampler, "epoch", 0)
    if isinstance(loop, IterBasedTrainLoop):
        if getattr(loop, "fast_forward_on_resume", False):
            return []  # a resumed run began with the first batch, another one did not
        epoch, place = divmod(step.iteration, len(loader))
    before = getattr(sampler, "epoch", None)
    if before is not None:
        sampler.set_epoch(epoch)
    try:
        return [int(k) for k in next(islice(iter(loader.batch_sampler), place, None), [])]
    finally:
        if before is not None:
            sampler.set_epoch(before)


def _repeats(sampler: Any) -> bool:
    return isinstance(sampler, DefaultSampler | RepeatAugSampler | SequentialSampler)
