"""How far a sweep is, and how long it still takes."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from dmmix.experiments.launch.plan import CellRun, Plan
from dmmix.experiments.launch.training import Training


class Row(NamedTuple):
    """A line of the table; with numbers where this process trains the cell."""

    run: CellRun
    training: Training | None = None
    value: float | None = None
    pace: float | None = None

    @property
    def step(self) -> int | None:
        return None if self.training is None else self.run.logged.step

    @property
    def left(self) -> float | None:
        """Seconds until its end."""
        return self.pace and self.pace * (self.run.cell.steps - self.run.logged.step)


class Progress:
    """How far all cells are, and what has been measured of their speed.

    Attributes:
        runs: by name of the cell, as its folder was looked at last.
        active: those that this process trains.
    """

    def __init__(self, plan: Plan) -> None:
        self.runs = {run.name: run for run in plan.runs}
        self.active: dict[str, Training] = {}
        self._jobs = plan.jobs
        #: Seconds an epoch, by recipe, as the finished cells took them.
        self._paces: dict[str, list[float]] = {}

    def began(self, training: Training) -> None:
        """Another process of ours trains."""
        self.active[training.run.name] = training
        self.runs[training.run.name] = training.run.again()

    def ended(self, training: Training) -> CellRun:
        """A process has: how its run is now. Others may have gone on in the meantime, too."""
        run = training.finish()
        pace = training.pace(run.logged.step)
        if pace is not None and not training.process.returncode:
            self._paces.setdefault(run.cell.recipe, []).append(pace)
        del self.active[run.name]
        for other in self.runs.values():
            if other.state.word == "running" and other.name not in self.active:
                self.runs[other.name] = other.again()
        self.runs[run.name] = run
        return run

    def rows(self) -> list[Row]:
        """Of all cells, in order."""
        return [self._row(run, self.active.get(name)) for name, run in self.runs.items()]

    def left(self, rows: list[Row] | None = None) -> float | None:
        """Seconds until all is done; ``None`` while there is nothing to tell by.

        Args:
            rows: what :meth:`rows` gave a moment ago, which reads the logs of all that run.
        """
        rows = self.rows() if rows is None else rows
        paces = {recipe: [*known] for recipe, known in self._paces.items()}
        for row in rows:
            if row.pace is not None:
                paces.setdefault(row.run.cell.recipe, []).append(row.pace)
        work = []
        for row in rows:
            if row.training is not None:
                work.append(row.left)
            elif row.run.state.word in ("waiting", "interrupted"):
                # As others of its recipe, or all others.
                cell = row.run.cell
                known = paces.get(cell.recipe) or [pace for some in paces.values() for pace in some]
                work.append(sum(known) / len(known) * cell.steps if known else None)
        known_work = [seconds for seconds in work if seconds is not None]
        if len(known_work) < len(work):
            return None
        longest = max((row.left for row in rows if row.left is not None), default=0.0)
        return max(sum(known_work) / self._jobs, longest)

    def summary(self, rows: list[Row] | None = None) -> str:
        """How many cells are in which state, and the time that is left; ``rows`` as there."""
        counts = Counter(run.state.word for run in self.runs.values())
        words = ("finished", "running", "failed", "changed", "interrupted", "waiting")
        parts = [f"{counts[word]} {word}" for word in words if counts[word]]
        left = self.left(rows)
        about = f"; about {hours(left)} left" if left else ""
        return f" ({', '.join(parts)}{about})"

    def _row(self, run: CellRun, training: Training | None) -> Row:
        if training is None:
            return Row(run)
        now, sweep = run.again(), run.cell.sweep
        value = now.value(sweep.key, sweep.metric)
        return Row(now, training, value, training.pace(now.logged.step))


def hours(seconds: float) -> str:
    """``1:05:09``, or ``5:09``."""
    whole = round(seconds)
    h, m, s = whole // 3600, whole // 60 % 60, whole % 60
    return f"{h}:{m:02}:{s:02}" if h else f"{m}:{s:02}"
