"""What is remembered of a training step until somebody looks whether it was a good one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

__all__ = ["SeenStep", "bad_rows", "tensors_of"]


@dataclass
class SeenStep:
    """A step; its numbers are still on the device.

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

    iteration: int
    batch_idx: int
    epoch: int
    losses: dict[str, float | Tensor]
    data_samples: Sequence[Any] | None = None
    sample_idx: Any = None
    layout: tuple = ()
    numbers: dict[str, float] = field(default_factory=dict)
    bad_gradient: bool = False
    number: int = 0

    @classmethod
    def of(cls, runner: Any, batch_idx: int, data_batch: Any, outputs: Mapping | None) -> SeenStep:
        """The step that a runner has just done."""
        losses = {
            name: value.detach() if isinstance(value, Tensor) else value
            for name, value in (outputs or {}).items()
            if "loss" in name and (not isinstance(value, Tensor) or value.ndim == 0)
        }
        asked = data_batch if isinstance(data_batch, Mapping) else {}
        return cls(
            iteration=runner.iter,
            batch_idx=batch_idx,
            epoch=runner.epoch,
            losses=losses,
            data_samples=asked.get("data_samples"),
            sample_idx=asked.get("sample_idx"),
        )

    @property
    def total(self) -> Tensor | None:
        """The loss that was minimised, (), or one that is not finite if a part is not."""
        tensors = [value for value in self.losses.values() if isinstance(value, Tensor)]
        whole = self.losses.get("loss")
        if isinstance(whole, Tensor):
            return whole
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
