"""One trainer a folder: a lock file that says who holds it.

The file is made where none is, which only one process can do. It names the host, the process that
holds it and the process that trains: the trainer may outlive whoever started it. A lock is stale
when both are gone; on another host, where that cannot be seen, when its holder has not touched it
for a while.
"""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from _sweep.files import peek_json, write_json

__all__ = ["Lock", "holder"]

#: Seconds without a sign of life after which a lock of another host is stale.
PATIENCE = 600
#: Seconds by which two readings of when a process began may differ.
_SAME = 5.0


class Lock:
    """The lock of a folder. :meth:`take` it, :meth:`touch` it now and then, :meth:`release` it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "lock.json"
        self._mine: dict[str, Any] = {}

    def take(self) -> bool:
        """Whether the lock is ours now."""
        self._mine = dict(host=socket.gethostname(), pid=os.getpid(), began=_began(os.getpid()))
        for _ in range(3):  # a stale one is put away once; others may do so at the same time
            try:
                descriptor = os.open(self.file, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            except FileExistsError:
                if holder(self.file.parent) is not None:
                    return False
                self._put_stale_away()
                continue
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump(self._mine, stream)
            return True
        return False

    def name_trainer(self, pid: int) -> None:
        """Writes down which process trains."""
        self._mine.update(trainer=pid, trainer_began=_began(pid))
        write_json(self.file, self._mine)

    def touch(self) -> None:
        """A sign of life, for other hosts."""
        try:
            os.utime(self.file)
        except FileNotFoundError:
            write_json(self.file, self._mine)

    def release(self) -> None:
        self.file.unlink(missing_ok=True)

    def _put_stale_away(self) -> None:
        aside = self.file.with_name(f"lock.stale.{os.getpid()}")
        try:
            os.replace(self.file, aside)  # of several that see it, one gets it
        except FileNotFoundError:
            return
        taken = peek_json(aside)
        if taken is not None and _alive(taken, aside):  # somebody's new one, made in between
            with suppress(OSError):
                os.link(aside, self.file)
        aside.unlink(missing_ok=True)


def holder(folder: Path) -> str | None:
    """Who trains in the folder, such as ``'process 71 on node3'``; ``None`` if nobody does."""
    file = folder / "lock.json"
    lock = peek_json(file)
    if lock is None:
        # Made this moment and not written yet, or torn.
        return "a process that just started" if _age(file) < 5 else None
    if not _alive(lock, file):
        return None
    orphan = lock.get("host") == socket.gethostname() and not _runs(lock["pid"], lock.get("began"))
    return f"process {lock['trainer' if orphan else 'pid']} on {lock.get('host')}"


def _alive(lock: dict[str, Any], file: Path) -> bool:
    if lock.get("host") != socket.gethostname():
        return _age(file) < PATIENCE
    pids = [("pid", "began"), ("trainer", "trainer_began")]
    return any(_runs(lock[pid], lock.get(began)) for pid, began in pids if lock.get(pid))


def _age(file: Path) -> float:
    try:
        return time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _runs(pid: int, began: float | None) -> bool:
    # Not os.kill(pid, 0): on Windows that ends the process.
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        now = process.create_time()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
    # Numbers of processes are used again: the same one began at the same moment.
    return not isinstance(began, float) or abs(began - now) < _SAME


def _began(pid: int) -> float | None:
    """When a process began; ``None`` where that cannot be seen."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return None
