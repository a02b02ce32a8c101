"""The first step of a run whose numbers are not finite, found without waiting for the device."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from dmmix.engine.deferred import read_numbers
from dmmix.engine.faults.seen_step import SeenStep

__all__ = ["StepWatch"]

_LIMIT = 1000  # steps that wait to be looked at
_LAYOUTS = 4  # kinds of batches of which one is kept: the usual one, the last of an epoch, ...


class StepWatch:
    """Keeps, on the device, whether all steps were good, and the batch of the first bad one.

    A sum of ``x - x`` over all losses and norms is 0 as long as they are finite, and NaN from the
    first on that is not. While it is 0 each batch takes the place of the one before; then the
    batch that is there stays. Nothing is read but by :meth:`first_bad`.
    """

    def __init__(self) -> None:
        self.steps: list[SeenStep] = []  #: since they were last looked at
        self._sum: Tensor | None = None
        self._kept: dict[tuple, dict[str, Tensor]] = {}

    @property
    def full(self) -> bool:
        """Whether it is time to look although nobody logs."""
        return len(self.steps) >= _LIMIT

    @torch.no_grad()
    def see(self, step: SeenStep, batch: dict[str, Tensor], watched: bool = True) -> None:
        """Remembers a step and, if all was well before it, its batch.

        Args:
            step: what is known of it.
            batch: tensors of any shapes, which nobody writes to.
            watched: ``False``: whatever its numbers are.
        """
        self.steps.append(step)
        numbers = [step.total, step.gradient] if watched else []
        numbers = [number for number in numbers if number is not None]
        if self._sum is None:
            tensors = [*numbers, *batch.values()]
            device = tensors[0].device if tensors else "cpu"
            self._sum = torch.zeros((), dtype=torch.float32, device=device)
        step.layout = self._keep(batch)
        for number in numbers:
            self._sum += (number - number).to(self._sum.device)

    def _keep(self, batch: dict[str, Tensor]) -> tuple:
        batch = {name: t for name, t in batch.items() if t.device == self._sum.device}
        layout = tuple((name, tensor.shape, tensor.dtype) for name, tensor in batch.items())
        kept = self._kept.get(layout)
        if kept is None:
            if len(self._kept) == _LAYOUTS:
                self._kept.pop(next(iter(self._kept)))
            kept = {name: torch.empty_like(tensor) for name, tensor in batch.items()}
        self._kept.pop(layout, None)
        self._kept[layout] = kept  # the last one used is the last to go
        good = self._sum == 0
        for name, tensor in batch.items():
            torch.where(good, tensor, kept[name], out=kept[name])
        return layout

    @property
    def bad(self) -> Tensor | None:
        """Whether there was a bad step, (), a bool on the device; ``None`` before the first."""
        return None if self._sum is None else self._sum.isnan()

    def first_bad(self) -> SeenStep | None:
        """The first bad one of the remembered steps, its numbers read; ``None`` if all are good."""
        read(self.steps)
        for step in self.steps:
            if not all(math.isfinite(number) for number in step.numbers.values()):
                return step
        return None

    def batch_of(self, step: SeenStep) -> dict[str, Tensor]:
        """The batch of the first bad step, or else of the last one; empty if it was not kept."""
        return self._kept.get(step.layout, {})

    def forget(self) -> None:
        """All steps so far were good ones."""
        self.steps.clear()


def read(steps: list[SeenStep]) -> None:
    """Reads the numbers of steps, with one transfer."""
    values: dict[str, list[Any]] = {}
    for k, step in enumerate(steps):
        values[str(k)] = [*step.losses.values()]
        if step.gradient is not None:
            values[str(k)].append(step.gradient)
    for found, step in zip(read_numbers(values).values(), steps, strict=True):
        names = [*step.losses] + ["gradients"] * (step.gradient is not None)
        step.numbers = dict(zip(names, found, strict=True))
