"""How far a sweep is, and how long it still takes."""

from __future__ import annotations

import time
from collections import Counter
from typing import NamedTuple

from dmmix.experiments.grid.cell import Cell
from dmmix.experiments.launch.training import Training
from dmmix.experiments.store.metric import measure
from dmmix.experiments.store.records import read_records
from dmmix.experiments.store.state import State

__all__ = ["Progress", "Row", "hours"]


class Row(NamedTuple):
    """A line of the table: a cell that runs, or ran."""

    cell: Cell
    state: State
    step: int | None = None
    value: float | None = None
    left: float | None = None


class Progress:
    """The states of all cells, and what has been measured of their speed.

    Attributes:
        states: by cell.
        active: those that this process trains.
    """

    def __init__(self, states: dict[Cell, State], jobs: int) -> None:
        self.states = states
        self.active: dict[Cell, Training] = {}
        self.jobs = jobs
        #: Seconds an epoch, by recipe and in all, as the finished cells took them.
        self._paces: dict[str, list[float]] = {}

    def unit(self, cell: Cell) -> str:
        return "iteration" if cell.max_epochs is None else "epoch"

    def took(self, cell: Cell, training: Training) -> None:
        """Remembers how long a cell took that has just ended."""
        step = read_records(cell.folder).step
        if training.process.returncode == 0 and step > training.first_step:
            pace = (time.monotonic() - training.began) / (step - training.first_step)
            self._paces.setdefault(cell.recipe, []).append(pace)

    def rows(self) -> list[Row]:
        """Of all cells, in order; with the numbers of those that this process trains."""
        return [self._row(cell, state) for cell, state in self.states.items()]

    def left(self, rows: list[Row]) -> float | None:
        """Seconds until all is done; ``None`` while there is nothing to tell by."""
        work = 0.0
        for row in rows:
            if row.state.word in ("waiting", "interrupted") and row.cell not in self.active:
                pace = self._pace(row.cell, rows)
                if pace is None:
                    return None
                work += pace * row.cell.steps
            elif row.cell in self.active:
                if row.left is None:
                    return None
                work += row.left
        longest = max((row.left for row in rows if row.left is not None), default=0.0)
        return max(work / self.jobs, longest)

    def summary(self) -> str:
        """How many cells are in which state, and the time that is left."""
        counts = Counter(state.word for state in self.states.values())
        words = ("finished", "running", "failed", "changed", "interrupted", "waiting")
        parts = [f"{counts[word]} {word}" for word in words if counts[word]]
        left = self.left(self.rows())
        about = f"; about {hours(left)} left" if left else ""
        return f" ({', '.join(parts)}{about})"

    def _row(self, cell: Cell, state: State) -> Row:
        training = self.active.get(cell)
        if training is None:
            return Row(cell, state)
        records = read_records(cell.folder)
        curve = records.val.get(cell.sweep.key)
        value = measure(curve, cell.sweep.metric) if curve else None
        done = records.step - training.first_step
        pace = (time.monotonic() - training.began) / done if done > 0 else None
        left = None if pace is None else pace * (cell.steps - records.step)
        return Row(cell, state, records.step, value, left)

    def _pace(self, cell: Cell, rows: list[Row]) -> float | None:
        """Seconds an epoch of a cell that has not begun: as others of its recipe, or all others."""
        known = dict(self._paces)
        for row in rows:
            training = self.active.get(row.cell)
            if training is not None and row.step is not None and row.step > training.first_step:
                pace = (time.monotonic() - training.began) / (row.step - training.first_step)
                known[row.cell.recipe] = [*known.get(row.cell.recipe, []), pace]
        paces = known.get(cell.recipe) or [pace for paces in known.values() for pace in paces]
        return sum(paces) / len(paces) if paces else None


def hours(seconds: float) -> str:
    """``1:05:09``, or ``5:09``."""
    whole = round(seconds)
    h, m, s = whole // 3600, whole // 60 % 60, whole % 60
    return f"{h}:{m:02}:{s:02}" if h else f"{m}:{s:02}"
