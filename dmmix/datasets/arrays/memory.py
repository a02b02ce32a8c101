"""How much memory this process may still take."""

from __future__ import annotations

from pathlib import Path

__all__ = ["available_memory", "fits_in_memory"]

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def available_memory() -> int | None:
    """Bytes: what the system has available, or less where a container is allowed less.

    ``None`` where the system does not say (it is no Linux).
    """
    known = [size for size in (_system(), _container()) if size is not None]
    return min(known) if known else None


def fits_in_memory(size: int) -> bool:
    """Whether so many bytes are at most a quarter of it; yes where that is not known."""
    available = available_memory()
    return available is None or size <= available / 4


def _system() -> int | None:
    try:
        lines = _MEMINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    entries = dict(line.split(":", 1) for line in lines if ":" in line)
    if "MemAvailable" not in entries:
        return None
    return int(entries["MemAvailable"].split()[0]) * 1024


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
