"""Numbers of a step that wait on the device until somebody reads them."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
import torch
from mmengine.hooks import LoggerHook
from mmengine.logging import HistoryBuffer, MessageHub
from torch import Tensor

_LIMIT = 10_000  # values kept before they are moved on, whatever the logging interval


class DeferredScalars:
    """Collects scalars, iteration by iteration, and hands them to mmengine's message hub at once.

    mmengine's own way reads each value from the device as it comes, which waits for the device
    every iteration, and appends it by copying the whole history.

    Attributes:
        only_finite: without values that are not, of batches that were left out.
    """

    only_finite = False

    def __init__(self) -> None:
        self._values: dict[str, list[Any]] = {}
        self._count = 0

    def add(self, name: str, value: float | Tensor) -> None:
        """Keeps a number or a tensor of one element; a tensor is detached, not read."""
        if isinstance(value, Tensor):
            value = value.detach()
        self._values.setdefault(name, []).append(value)
        self._count += 1

    @property
    def full(self) -> bool:
        """Whether it is time to :meth:`flush` although nobody logs."""
        return self._count >= _LIMIT

    def flush(self, hub: MessageHub) -> None:
        """Appends what was collected to the histories of ``hub``, as if it had come one by one."""
        collected, self._values, self._count = self._values, {}, 0
        for name, numbers in read_numbers(collected).items():
            if self.only_finite:
                numbers = [number for number in numbers if math.isfinite(number)]
            if not numbers:
                continue
            old = hub.log_scalars.get(name)
            if old is None:
                # This way the hub notes that the history is to be saved and resumed.
                hub.update_scalar(name, numbers[0])
                old, numbers = hub.log_scalars[name], numbers[1:]
            values, counts = old.data
            hub.log_scalars[name] = HistoryBuffer(
                np.concatenate([values, numbers])[-old.max_length :],
                np.concatenate([counts, np.ones(len(numbers), counts.dtype)])[-old.max_length :],
                old.max_length,
            )


def read_numbers(collected: dict[str, list[Any]]) -> dict[str, list[float]]:
    """All as floats; tensors are read with one transfer for each device and dtype."""
    places: dict[tuple, list[tuple[str, int]]] = defaultdict(list)
    for name, values in collected.items():
        for k, value in enumerate(values):
            if isinstance(value, Tensor):
                places[value.device, value.dtype].append((name, k))
            else:
                values[k] = float(value)
    for where in places.values():
        together = torch.stack([collected[name][k].reshape(()) for name, k in where])
        for (name, k), number in zip(where, together.tolist(), strict=True):
            collected[name][k] = float(number)
    return collected


def is_logged(runner: Any, batch_idx: int) -> bool:
    """Whether a LoggerHook reads the scalars after this training iteration."""
    for hook in runner.hooks:
        if isinstance(hook, LoggerHook) and (
            hook.every_n_inner_iters(batch_idx, hook.interval)
            or hook.end_of_epoch(runner.train_dataloader, batch_idx)
        ):
            return True
    return False
