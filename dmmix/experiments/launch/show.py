"""What is shown while a sweep runs: a live table, or lines where the output is no terminal."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from dmmix.experiments.launch.progress import Progress, Row, hours

_STYLES = {"running": "bold", "failed": "red", "changed": "yellow", "finished": "green"}
#: What is left out last where the screen is too small.
_FIRST = ("running", "failed", "changed", "interrupted", "finished", "waiting")


def make_show() -> Lines:
    console = Console(highlight=False, soft_wrap=True)
    return LiveTable(console) if console.is_terminal else Lines(console)


class Lines(AbstractContextManager["Lines"]):
    """A line for each thing that happens, and one now and then."""

    interval: float = 60

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = time.monotonic()

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def update(self, progress: Progress) -> None:
        """Shows how far all is, unless it did a moment ago."""
        if time.monotonic() - self._shown >= self.interval:
            self._shown = time.monotonic()
            self._draw(progress)

    def _draw(self, progress: Progress) -> None:
        for row in progress.rows():
            if row.training is not None:
                cells = [row.run.name, *_numbers(row, row.run.unit)]
                self.say("  ".join(text for text in cells if text))


class LiveTable(Lines):
    """A table that is drawn again where it stands; what is said goes above it."""

    interval = 1

    def __enter__(self) -> LiveTable:
        self._live = Live(console=self._console, auto_refresh=False)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        super().say(text)
        self._shown = float("-inf")

    def _draw(self, progress: Progress) -> None:
        self._live.update(table_of(progress, self._console.height - 8), refresh=True)


def table_of(progress: Progress, height: int) -> Table:
    """All cells, or where they are more than ``height``, the most telling ones."""
    rows = progress.rows()
    order = sorted(rows, key=lambda row: _FIRST.index(row.run.state.word))  # stable
    kept = set(map(id, order[: max(height, 1)]))
    table = Table(caption=progress.summary(rows).strip(" ()"), caption_justify="left")
    for name in ("cell", "state", "epoch"):
        table.add_column(name)
    for name in ("value", "left"):
        table.add_column(name, justify="right")
    for row in rows:
        if id(row) in kept:
            table.add_row(
                row.run.name,
                row.run.state.word,
                *_numbers(row, ""),
                style=_STYLES.get(row.run.state.word, "dim"),
            )
    if len(kept) < len(rows):
        table.add_row(f"and {len(rows) - len(kept)} more", style="dim")
    return table


def _numbers(row: Row, unit: str) -> tuple[str, str, str]:
    step = "" if row.step is None else f"{unit} {row.step}/{row.run.cell.steps}".strip()
    value = "" if row.value is None else f"{row.value:.2f}"
    left = "" if row.left is None else hours(row.left)
    return step, value, f"{left} left" if unit and left else left
