"""A sweep as it is to be trained: its cells, with what their folders hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dmmix.configuration.errors import UserError
from dmmix.configuration.keys import where_changed
from dmmix.experiments.grid.cell import Cell
from dmmix.experiments.grid.sweep_file import Sweep
from dmmix.experiments.launch.environment import environments
from dmmix.experiments.store.files import write_json, write_text
from dmmix.experiments.store.run import Run


class CellRun(Run):
    """The run of a cell.

    Args:
        cell: what the sweep wants of it.
        accept_changed: what was trained with another config counts all the same.
    """

    def __init__(self, cell: Cell, accept_changed: bool = False) -> None:
        super().__init__(cell.folder)
        self.cell = cell
        self.accept_changed = accept_changed

    @property
    def name(self) -> str:
        return self.cell.name

    @property
    def unit(self) -> str:
        return "iteration" if self.cell.max_epochs is None else "epoch"

    def again(self) -> CellRun:
        """As its folder has it now."""
        return CellRun(self.cell, self.accept_changed)

    def where_changed(self) -> list[str]:
        """The entries of the config with which it was begun that are others now."""
        trained = self.result is not None or self.checkpoint is not None
        if self.accept_changed or not trained or self.description is None:
            return []
        return where_changed(self.description.get("fingerprint", {}), self.cell.fingerprint)

    def prepare(self) -> None:
        """Writes config.py and cell.json."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write_config()
        write_json(self.folder / "cell.json", self.cell.description())

    def write_config(self) -> None:
        """mmengine's own runner, where a recipe asks for it, writes the merged config over it."""
        write_text(self.cell.config, self.cell.text())


@dataclass(frozen=True)
class Plan:
    """Some cells of a sweep, one at least, and how they are to be trained.

    Attributes:
        runs: of the cells, in order.
        jobs: how many at a time.
        processes: of each, started by torchrun where there are several.
        threads: of each; ``None``: the cores are shared out.
        small_checkpoints: those of finished cells keep no state of the optimiser.
    """

    runs: Sequence[CellRun]
    jobs: int = 1
    processes: int = 1
    threads: int | None = None
    small_checkpoints: bool = False

    def __post_init__(self) -> None:
        for name in ("jobs", "processes"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} must be at least 1, got {getattr(self, name)}")

    @property
    def sweep(self) -> Sweep:
        return self.runs[0].cell.sweep

    @property
    def folder(self) -> Path:
        return self.runs[0].folder.parent

    @cached_property
    def environments(self) -> list[dict[str, str]]:
        """Of each job."""
        return environments(self.jobs, threads=self.threads)

    def in_state(self, *words: str) -> list[CellRun]:
        return [run for run in self.runs if run.state.word in words]

    @property
    def to_do(self) -> list[CellRun]:
        return self.in_state("waiting", "interrupted", "failed")
