"""The first step of a run whose numbers are not finite, found without waiting for the device."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from dmmix.engine.deferred import read_numbers


class SeenStep:
    """The step that a runner has just done; its numbers are still on the device.

    Attributes:
        iteration, epoch: counted from 0.
        batch_idx: its place in the epoch (in an iteration-based loop: the iteration).
        losses: by name, as the step returned them.
        data_samples, sample_idx: those of the batch, where it has any.
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


_LIMIT = 1000  # steps that wait to be looked at
_LAYOUTS = 4  # kinds of batches of which one is kept: the usual one, the last of an epoch, ...


class StepWatch:
    """Keeps, on the device, whether all steps were good, and the batch of the first bad one.

    To a flag, ``x - x`` of each loss ``x`` is added: 0 as long as they are finite, and NaN from the
    first on that is not. What looks at the gradients sets it too. While it is 0, good steps are
    counted, and each batch takes the place of the one before; then the batch that is there stays.
    Nothing is read but by :meth:`first_bad`. On a CPU, where reading waits for nothing, each loss
    is read, and a batch is copied only if its step was bad.

    Attributes:
        flag: (1,) float32, 0 as long as all is well.
        last: the last step.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._steps: list[SeenStep] = []  # since they were last looked at, if they cannot be read
        self.last: SeenStep | None = None
        self.flag = torch.zeros(1, device=device)
        self._fine = self.flag == 0
        self._good = torch.zeros(1, dtype=torch.int64, device=device)
        self._seen = self._looked_at = 0
        self._reads_at_once = reads_at_once(self.flag.device)
        self._first: SeenStep | None = None  # that was bad, where this is known at once
        self._kept: dict[tuple, Any] = {}

    @property
    def full(self) -> bool:
        """Whether it is time to look although nobody logs."""
        return self._seen - self._looked_at >= _LIMIT

    def see(self, step: SeenStep, batch: Any, watched: bool = True) -> None:
        """Remembers a step and, if all was well before it, its batch, as the data preprocessor made
        it, which nobody writes to; if it is not ``watched``, whatever its losses are."""
        step.number, self._seen = self._seen, self._seen + 1
        self.last = step
        total = step.total if watched else None
        if self._reads_at_once:
            self._see_at_once(step, total, batch)
            return
        self._steps.append(step)
        with torch.no_grad():
            step.layout = self._keep(tensors_of(batch))
            if total is not None:
                self.flag += (total - total).to(self.flag.device)
                self._fine = self.flag == 0
            self._good += self._fine

    def _see_at_once(self, step: SeenStep, total: Tensor | None, batch: Any) -> None:
        """The same, where numbers can be read; the last good step is kept as it is."""
        if self._first is not None:
            return
        if total is not None and not math.isfinite(total.item()):
            self.flag.fill_(math.nan)
        if self.flag.item() != 0:
            self._first = step
            # The memory of the batch may be the next one's too.
            batch = {name: tensor.clone() for name, tensor in tensors_of(batch).items()}
        self._kept = {(): batch}

    def _keep(self, batch: dict[str, Tensor]) -> tuple:
        device = self.flag.device
        batch = {name: t for name, t in batch.items() if t.ndim and t.device == device}
        layout = tuple((name, tensor.shape, tensor.dtype) for name, tensor in batch.items())
        kept = self._kept.pop(layout, None)
        if kept is None:
            if len(self._kept) == _LAYOUTS:
                self._kept.pop(next(iter(self._kept)))
            kept = {name: torch.empty_like(tensor) for name, tensor in batch.items()}
        self._kept[layout] = kept  # the last one used is the last to go
        for name, tensor in batch.items():
            torch.where(self._fine, tensor, kept[name], out=kept[name])
        return layout

    @property
    def bad(self) -> Tensor:
        """Whether there was a bad step, (1,), a bool on the device."""
        return self.flag != 0  # NaN too

    def first_bad(self) -> SeenStep | None:
        """The first bad one of the remembered steps, its losses read; ``None`` if all are good."""
        first = self._first
        if not self._reads_at_once and self.bad.item():
            good = self._good.item()
            first = next((step for step in self._steps if step.number == good), None)
        if first is not None:
            read(first)
        return first

    def batch_of(self, step: SeenStep) -> dict[str, Tensor]:
        """The batch of the first bad step, or else of the last one; empty if it was not kept."""
        return tensors_of(self._kept.get(step.layout, {}))

    def forget(self) -> None:
        """All steps so far were good ones."""
        self._steps.clear()
        self._looked_at = self._seen


def reads_at_once(device: torch.device) -> bool:
    """Whether a number there can be read without waiting for what comes before it."""
    return device.type == "cpu"


def read(step: SeenStep) -> None:
    """Reads the losses of a step, with one transfer."""
    losses = read_numbers({name: [value] for name, value in step.losses.items()})
    step.numbers = {name: values[0] for name, values in losses.items()}
    step.bad_gradient = all(map(math.isfinite, step.numbers.values()))
