"""How much memory this process may still take."""

from __future__ import annotations

from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def available_memory() -> int:
    """Bytes: what the system has available, or less where a container is allowed less."""
    system, container = psutil.virtual_memory().available, _container()
    return system if container is None else min(system, container)


def fits_in_memory(size: int) -> bool:
    """Whether so many bytes are at most a quarter of it."""
    return size <= available_memory() / 4


def _container() -> int | None:
    """Of control groups, version 2; the files that it keeps cached can be given up."""
    try:
        limit = int((_CGROUP / "memory.max").read_text(encoding="utf-8"))  # or "max"
        used = int((_CGROUP / "memory.current").read_text(encoding="utf-8"))
        lines = (_CGROUP / "memory.stat").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None
    cached = int(dict(line.split() for line in lines).get("inactive_file", 0))
    return max(0, limit - used + cached)
