"""Which files could not be decoded, told once and counted over all workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmengine.logging import MMLogger

from dmmix.datasets.messages import listed


class CorruptFiles:
    """A flag for each file, in memory that worker processes share."""

    def __init__(self, count: int) -> None:
        self._flags = torch.zeros(count, dtype=torch.uint8).share_memory_()
        self._told = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._flags.share_memory_()  # a copy of it is not

    def __len__(self) -> int:
        return int(self._flags.count_nonzero())

    @property
    def rows(self) -> list[int]:
        """Numbers of the files."""
        return self._flags.nonzero().flatten().tolist()

    def add(self, row: int, reason: str) -> None:
        """Marks a file, and logs it if it is new."""
        if not self._flags[row]:
            self._flags[row] = 1
            MMLogger.get_current_instance().warning(
                "%s: skipped, another sample takes its place", reason
            )

    def tell(self, path: Callable[[int], str]) -> None:
        """Logs how many there are, if there are more than the last time."""
        count = len(self)
        if count > self._told:
            MMLogger.get_current_instance().warning(
                "%d of %d images are corrupt and were replaced by others so far: %s",
                count, len(self._flags), listed([path(row) for row in self.rows]),
            )  # fmt: skip
            self._told = count
