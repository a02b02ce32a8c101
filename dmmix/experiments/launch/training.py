"""One cell, trained: a process of dmmix train, what comes before it and after."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from dmmix.compat.lock import RUNNING, Lock
from dmmix.experiments.grid.cell import Cell
from dmmix.experiments.store.files import write_json, write_text
from dmmix.experiments.store.metric import measure
from dmmix.experiments.store.records import Records, read_records
from dmmix.experiments.store.state import LOCK, last_checkpoint, state_of

__all__ = ["Training", "last_lines", "prepare"]

#: Seconds that a process has to end by itself.
GRACE = 15


class Training:
    """A cell that is being trained by a process of ours; make one with :meth:`start`."""

    def __init__(self, cell: Cell, lock: Lock, process: subprocess.Popen, first_step: int) -> None:
        self.cell = cell
        self.lock = lock
        self.process = process
        self.first_step = first_step
        self.began = time.monotonic()
        self._family: set[psutil.Process] = set()

    @classmethod
    def start(
        cls,
        cell: Cell,
        environment: Mapping[str, str],
        processes: int = 1,
        accept_changed: bool = False,
    ) -> Training | None:
        """Starts dmmix train; ``None`` where another process does, or did a moment ago."""
        cell.folder.mkdir(parents=True, exist_ok=True)
        lock = Lock(cell.folder / LOCK)
        if not lock.take():
            return None
        try:
            # Another sweep may have finished it since we last looked, or left its training behind.
            state = state_of(cell, accept_changed, locked_by_us=True)
            if state.word in ("running", "finished", "changed"):
                lock.release()
                return None
            saved = last_checkpoint(cell.folder)
            prepare(cell)
            (cell.folder / "failed.json").unlink(missing_ok=True)
            with (cell.folder / "train.log").open("a", encoding="utf-8") as log:
                log.write(
                    f"\n$ {cell.shown_command(processes)}{'' if saved is None else ' --resume'}\n"
                )
                log.flush()
                process = subprocess.Popen(
                    cell.command(processes, resume=saved is not None),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(environment),
                    start_new_session=True,  # Ctrl-C is for the sweep, which ends them in order
                )
        except BaseException:
            lock.release()
            raise
        return cls(cell, lock, process, saved or 0)

    def poll(self) -> int | None:
        """The exit status, or ``None`` while it runs."""
        return self.process.poll()

    def finish(self) -> dict[str, Any] | None:
        """Writes result.json, or failed.json and ``None``, after the process has ended."""
        try:
            # mmengine's own runner, where a recipe asks for it, writes the merged config over it.
            write_text(self.cell.config, self.cell.text())
            if self.process.returncode:
                lines = last_lines(self.cell.folder / "train.log")
                write_json(
                    self.cell.folder / "failed.json",
                    dict(status=self.process.returncode, last_lines=lines),
                )
                return None
            result = self._result(read_records(self.cell.folder))
            write_json(self.cell.folder / "result.json", result)
            return result
        finally:
            self.lock.release()

    def terminate(self) -> None:
        """Tells the process, and all that it started, to end."""
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.process.pid)
            self._family.update([parent, *parent.children(recursive=True)])
        for member in self._family:
            with suppress(psutil.NoSuchProcess):
                member.terminate()

    def stop(self, grace: float = GRACE) -> None:
        """Ends the process and its workers; the checkpoints stay to be resumed from."""
        self.terminate()
        try:
            psutil.wait_procs(self._family, grace)
        finally:
            for member in self._family:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
            self.process.wait()
            write_text(self.cell.config, self.cell.text())
            # Another host, that goes on with it, cannot see that the run is dead.
            (self.cell.folder / RUNNING).unlink(missing_ok=True)
            self.lock.release()

    def _result(self, records: Records) -> dict[str, Any]:
        cell = self.cell
        curve = records.val.get(cell.sweep.key, [])
        value = measure(curve, cell.sweep.metric) if curve else None
        return dict(
            complete=True,
            **cell.description(),
            value=value,
            val=records.val,
            train=records.train,
            seconds=round(time.monotonic() - self.began, 1),
            first_step=self.first_step,
        )


def prepare(cell: Cell) -> None:
    """Writes config.py and cell.json."""
    cell.folder.mkdir(parents=True, exist_ok=True)
    write_text(cell.config, cell.text())
    write_json(cell.folder / "cell.json", cell.description())


def last_lines(log: Path, number: int = 15) -> list[str]:
    """The end of a log."""
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()[-number:]
    except OSError:
        return []
