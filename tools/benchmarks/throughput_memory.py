"""Memory of a process and of those that it started, from /proc."""

from __future__ import annotations

import threading
from pathlib import Path

import psutil

PROC = Path("/proc")


def tree_memory(pid: int) -> int | None:
    """Bytes that a process and its descendants hold; ``None`` where /proc does not tell.

    Pages that are no part of a file count once, in equal parts where several processes share them
    (PSS). Pages of files (libraries, mostly) are shared with every other process on the machine, in
    parts that depend on how many there are; so those count as much as the process of the tree has
    that has most of them.
    """
    own = files = 0
    for member in _tree(pid):
        try:
            rollup = _fields(PROC / str(member) / "smaps_rollup")
            own += rollup["Pss_Anon"] + rollup["Pss_Shmem"]
            files = max(files, _fields(PROC / str(member) / "status")["RssFile"])
        except (OSError, KeyError):  # it has ended, or this is another kind of system
            continue
    return own + files or None


def _tree(pid: int) -> list[int]:
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def _fields(file: Path) -> dict[str, int]:
    """Lines such as ``Name:  12 kB`` in bytes."""
    lines = map(str.split, file.read_text(encoding="utf-8").splitlines())
    return {words[0].rstrip(":"): 1024 * int(words[1]) for words in lines if words[2:] == ["kB"]}


class PeakMemory:
    """The most that :func:`tree_memory` says of a process, looked at again and again.

    Looking costs time (the kernel walks the page tables), so it is done while nothing is timed.
    """

    def __init__(self, pid: int, every: float = 0.05) -> None:
        self.pid, self.every = pid, every
        self.peak: int | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Once."""
        now = tree_memory(self.pid)
        if now is not None:
            self.peak = max(now, self.peak or 0)

    def stop(self) -> None:
        """Ends the looking in the background."""
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(self.every):
            self.look()
