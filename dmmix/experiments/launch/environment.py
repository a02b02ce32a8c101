"""The environment of the processes that are started: threads, GPUs, output of any character."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping


def environments(
    jobs: int, given: Mapping[str, str] | None = None, threads: int | None = None
) -> list[dict[str, str]]:
    """The environment of each of ``jobs`` processes that run at a time.

    The cores that this process may use are shared out, and so are the GPUs; ``threads``, or what
    the user has set of their number, stays.
    """
    given = os.environ if given is None else given
    # Unbuffered, or the message of an error would stand before the lines that led to it; in UTF-8,
    # which is how the file is read again.
    environment = {**given, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    if threads is not None:
        environment.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    shared = given.get("OMP_NUM_THREADS", str(max(1, cores() // jobs)))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        environment.setdefault(name, shared)
    gpus = _gpus(given) if jobs > 1 else []
    if len(gpus) < 2:
        return [dict(environment) for _ in range(jobs)]
    return [{**environment, "CUDA_VISIBLE_DEVICES": gpus[i % len(gpus)]} for i in range(jobs)]


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _gpus(environment: Mapping[str, str]) -> list[str]:
    """The visible ones, by the number or name that CUDA_VISIBLE_DEVICES takes."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, encoding="utf-8"
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
    return [str(number) for number in range(len(lines))]
