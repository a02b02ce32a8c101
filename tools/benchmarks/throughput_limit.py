"""How long a measurement may take: rows share what is left, and turns share their row's part."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["TimeLimit"]

#: Of a row's time, the part that turns are timed in; the rest is their lead-in and the way between
#: processes.
TIMED = 0.7


class TimeLimit:
    """Ends of rows and lengths of turns.

    Args:
        minutes: for everything; ``None`` for as long as it takes.
        rows: how many rows share them. A row that takes less leaves the rest to those after it.
    """

    def __init__(
        self, minutes: float | None, rows: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self.end = None if minutes is None else clock() + 60 * minutes
        self.rows = rows
        self.row_end = self.end

    def next_row(self) -> None:
        """A row begins."""
        if self.end is not None:
            now = self.clock()
            self.row_end = now + (self.end - now) / max(1, self.rows)
        self.rows -= 1

    def left(self) -> float | None:
        """Seconds left to this row, 0 or more."""
        return None if self.row_end is None else max(0.0, self.row_end - self.clock())

    def turn(self, wanted: float, turns: int) -> float:
        """Seconds of a turn, if this and ``turns`` in all are still to come in this row."""
        left = self.left()
        return wanted if left is None else min(wanted, TIMED * left / turns)
