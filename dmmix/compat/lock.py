"""One process at a time: a lock file that says who holds it.

It is a lease of filelock's: made where none is, which only one process can do, on network file
systems too, and renewed by a thread while it is held. A lock of a process that is gone holds nobody
up; on another host, where that cannot be seen, one that nobody has renewed for a while.
"""

from __future__ import annotations

import os
import socket
import time
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import SoftFileLease

#: The lock of a run, in its work folder.
RUNNING = "running.lock"

#: Seconds without a sign of life after which a lock of another host is stale.
PATIENCE = 600
#: Seconds for which a stale one of another host is then watched before it is taken over.
WATCH = 30
#: Seconds by which a file's time and that of a process may differ.
_SAME = 5.0


class Lock:
    """A lock file: :meth:`take` it, do the work, :meth:`release` it.

    In a ``with`` statement it waits for its turn. Keep the object: when it goes, the lock is given
    free. A process that is killed leaves the file behind.

    Args:
        file: its folder is made if missing.
    """

    def __init__(self, file: str | os.PathLike) -> None:
        self.file = file

    @cached_property
    def _lease(self) -> SoftFileLease:
        from filelock import SoftFileLease

        return SoftFileLease(self.file, lease_duration=WATCH, thread_local=False)

    def take(self) -> bool:
        """Whether the lock is ours now; at once, but for a stale one of another host.

        Raises:
            OSError: the folder cannot be written to.
        """
        from filelock import Timeout

        if self.holder() is not None:
            return False
        try:
            self._lease.acquire(timeout=WATCH + 1)
        except Timeout:
            return False
        return True

    def __enter__(self) -> Lock:
        """Waits until it is ours."""
        self._lease.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Gives it free; nothing where it is not ours."""
        self._lease.release()

    def holder(self) -> str | None:
        """Who holds it, such as ``'process 71 on node3'``; ``None`` if nobody does."""
        try:
            touched = os.stat(self.file).st_mtime
        except FileNotFoundError:
            return None
        age, owner = time.time() - touched, self._lease.owner
        if owner is None:  # made this moment and not written yet, or torn
            return "a process that has just started" if age < _SAME else None
        host = owner.hostname.partition("?")[0]  # what follows is the namespace of a container
        here = host == socket.gethostname()
        alive = _runs(owner.pid, touched) if here else age < PATIENCE
        return f"process {owner.pid} on {host}" if alive else None


def _runs(pid: int, since: float) -> bool:
    """Whether a process runs, and did at that time: numbers of processes are used again."""
    import psutil  # not os.kill(pid, 0): on Windows that ends the process

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.create_time() < since + _SAME
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
