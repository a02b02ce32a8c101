"""All that is known of a step that went wrong, as plain data, and the file that holds it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from mmengine.dataset import DefaultSampler
from mmengine.dist import get_rank, get_world_size
from mmengine.runner import IterBasedTrainLoop
from mmpretrain.datasets import RepeatAugSampler
from torch import Tensor
from torch.utils.data import SequentialSampler

from dmmix.engine.faults.step_watch import SeenStep, bad_rows


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


def make_report(
    runner: Any,
    step: SeenStep | None,
    batch: Mapping[str, Tensor],
    state: Mapping[str, list[str]],
    in_a_row: int = 0,
) -> dict[str, Any]:
    """Strings, numbers, lists and dicts that say what happened; reads from the device.

    ``step`` is the bad one, or the last one, or ``None`` before the first; ``state`` what is not
    finite now, ``in_a_row`` how many batches were left out before this was said.
    """
    losses = {} if step is None else dict(step.numbers)
    parts = {name: value for name, value in losses.items() if not math.isfinite(value)}
    if len(parts) > 1:
        parts.pop("loss", None)  # the sum of the others
    rows = {name: bad_rows(tensor) for name, tensor in batch.items()}
    rates = runner.optim_wrapper.get_lr().values()
    return {
        "iteration": 0 if step is None else step.iteration + 1,
        "max_iterations": runner.max_iters,
        "epoch": 0 if step is None else step.epoch + 1,
        "by_epoch": not isinstance(runner.train_loop, IterBasedTrainLoop),
        "rank": get_rank(),
        "world_size": get_world_size(),
        "losses": losses,
        "bad_gradients": step is not None and step.bad_gradient,
        "bad": parts,
        "batch_size": max([len(tensor) for tensor in batch.values() if tensor.ndim], default=0),
        "bad_rows": {name: found for name, found in rows.items() if found},
        "samples": {} if step is None else sample_numbers(runner, step, batch),
        "weights": list(state["weights"]),
        "buffers": list(state["buffers"]),
        "learning_rates": sorted({float(rate) for group in rates for rate in group}),
        "precision": getattr(runner.optim_wrapper, "precision", ""),
        "last_checkpoint": str(runner.message_hub.get_info("last_ckpt") or ""),
        "in_a_row": in_a_row,
    }


def write_dump(path: Path, report: dict[str, Any], batch: Mapping[str, Tensor], step: Any) -> str:
    """Writes report and batch so that ``torch.load(path, weights_only=True)`` reads them; a
    sentence that says where they are, or why not."""
    content = {**report, "batch": {k: tensor.cpu().clone() for k, tensor in batch.items()}}
    if "labels" not in batch and step is not None:
        content["batch"].update(_labels(step.data_samples))
    partial = path.with_name(f"{path.name}.tmp")
    try:
        torch.save(content, partial)
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        return f"(The batch could not be written to {path}: {error})"
    held = "What is known, and the batch as the network got it," if batch else "What is known"
    return f"{held} {'are' if batch else 'is'} in {path} (torch.load)."


def _labels(samples: Any) -> dict[str, Tensor]:
    """Of mmpretrain's data samples."""
    for name in ("gt_score", "gt_label"):
        labels: list[Any] = [getattr(sample, name, None) for sample in samples or ()]
        shapes = {label.shape if isinstance(label, Tensor) else None for label in labels}
        if len(shapes) == 1 and None not in shapes:
            return {"labels": torch.stack(labels).cpu()}
    return {}
