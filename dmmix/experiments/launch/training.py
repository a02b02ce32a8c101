"""One cell, trained: a process of dmmix train, what comes before it and after."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress

import psutil

from dmmix.compat.lock import RUNNING, Lock
from dmmix.experiments.launch.plan import CellRun
from dmmix.experiments.store.files import write_json
from dmmix.experiments.store.run import LOCK

#: Seconds that a process has to end by itself.
GRACE = 15


class Training:
    """A cell that is being trained by a process of ours; make one with :meth:`start`."""

    def __init__(self, run: CellRun, lock: Lock, process: subprocess.Popen[bytes]) -> None:
        self.run = run
        self.process = process
        self.first_step = 0 if run.checkpoint is None else run.checkpoint.step
        self.began = time.monotonic()
        self._lock = lock
        self._family: set[psutil.Process] = set()

    @classmethod
    def start(
        cls, run: CellRun, environment: Mapping[str, str], processes: int = 1
    ) -> Training | None:
        """Starts dmmix train; ``None`` where another process does, or did a moment ago."""
        run.folder.mkdir(parents=True, exist_ok=True)
        lock = Lock(run.folder / LOCK)
        if not lock.take():
            return None
        try:
            # Another sweep may have finished it since we last looked, or left its training behind.
            run = run.again()
            if run.state_in_itself.word in ("running", "finished", "changed"):
                lock.release()
                return None
            resume = run.checkpoint is not None
            run.prepare()
            (run.folder / "failed.json").unlink(missing_ok=True)
            with (run.folder / "train.log").open("a", encoding="utf-8") as log:
                log.write(f"\n$ {run.cell.shown_command(processes)}{' --resume' * resume}\n")
                log.flush()
                process = subprocess.Popen(
                    run.cell.command(processes, resume),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(environment),
                    start_new_session=True,  # Ctrl-C is for the sweep, which ends them in order
                )
        except BaseException:
            lock.release()
            raise
        return cls(run, lock, process)

    def pace(self, step: int) -> float | None:
        """Seconds an epoch, or iteration, of those up to ``step``."""
        done = step - self.first_step
        return (time.monotonic() - self.began) / done if done > 0 else None

    def finish(self) -> CellRun:
        """Writes result.json or failed.json after the process has ended; the run as it is now."""
        run, sweep = self.run.again(), self.run.cell.sweep
        try:
            run.write_config()
            if self.process.returncode:
                lines: list[str] = []
                with suppress(OSError):
                    log = run.folder / "train.log"
                    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
                failure = dict(status=self.process.returncode, last_lines=lines)
                write_json(run.folder / "failed.json", failure)
            else:
                result = dict(
                    complete=True,
                    **run.cell.description(),
                    value=run.value(sweep.key, sweep.metric),
                    val=run.logged.val,
                    train=run.logged.train,
                    seconds=round(time.monotonic() - self.began, 1),
                    first_step=self.first_step,
                )
                write_json(run.folder / "result.json", result)
        finally:
            self._lock.release()
        return run.again()

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
            self.run.write_config()
            # Another host, that goes on with it, cannot see that the run is dead.
            (self.run.folder / RUNNING).unlink(missing_ok=True)
            self._lock.release()
