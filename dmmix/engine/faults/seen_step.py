"""What is remembered of a training step until somebody looks whether it was a good one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["SeenStep", "bad_rows", "tensors_of"]


class SeenStep:
    """The step that a runner has just done; its numbers are still on the device.

    Args:
        runner, batch_idx, data_batch, outputs: what a hook is told after it.

    Attributes:
        iteration: counted from 0.
        batch_idx: its place in the epoch (in an iteration-based loop: the iteration).
        epoch: counted from 0.
        losses: by name, as the step returned them.
        data_samples: those of the batch, where it has any.
        sample_idx: that of the batch, where it has one.
        layout: which of the batches that :class:`StepWatch` keeps it is like.
        numbers: of ``losses``, once they are read.
        bad_gradient: of a bad step, whether its losses were finite, once they are read.
        number: of the step in this process, from 0.
    """

    layout: tuple = ()
    bad_gradient = False
    number = 0

    def __init__(self, runner: Any, batch_idx: int, data_batch: Any, outputs: Mapping | None):
        self.iteration: int = runner.iter
        self.batch_idx = batch_idx
        self.epoch: int = runner.epoch
        asked = data_batch if isinstance(data_batch, Mapping) else {}
        self.data_samples: Any = asked.get("data_samples")
        self.sample_idx: Any = asked.get("sample_idx")
        self.numbers: dict[str, float] = {}
        self.losses: dict[str, float | Tensor] = {
            name: value.detach() if isinstance(value, Tensor) else value
            for name, value in (outputs or {}).items()
            if "loss" in name and (not isinstance(value, Tensor) or value.ndim == 0)
        }

    @property
    def total(self) -> Tensor | None:
        """The loss that was minimised, (), or one that is not finite if a part is not."""
        whole = self.losses.get("loss")
        if isinstance(whole, Tensor):
            return whole
        tensors = [value for value in self.losses.values() if isinstance(value, Tensor)]
        total: Any = sum(tensors) if tensors else None
        return total


def tensors_of(data: Any, prefix: str = "") -> dict[str, Tensor]:
    """The tensors in what a data preprocessor returns, by dotted name.

    A list of tensors of one shape, one for each sample, is stacked.
    """
    found: dict[str, Tensor] = {}
    if isinstance(data, Tensor):
        found[prefix or "inputs"] = data.detach()
    elif isinstance(data, Mapping):
        for name, value in data.items():
            found.update(tensors_of(value, f"{prefix}.{name}" if prefix else str(name)))
    elif isinstance(data, list | tuple):
        shapes = {item.shape if isinstance(item, Tensor) else None for item in data}
        if len(shapes) == 1 and None not in shapes:
            found[prefix or "inputs"] = torch.stack([tensor.detach() for tensor in data])
    return found


def bad_rows(tensor: Tensor) -> list[int]:
    """Which samples of a batch (N, ...) have a number that is not finite; reads from the device."""
    if not tensor.is_floating_point() or not tensor.ndim:
        return []
    bad = ~torch.isfinite(tensor)
    return (bad.flatten(1).any(dim=1) if bad.ndim > 1 else bad).nonzero().flatten().tolist()
