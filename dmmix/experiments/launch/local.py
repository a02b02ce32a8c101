"""The cells of a sweep on this machine, some at a time."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from dmmix.experiments.grid.cell import Cell
from dmmix.experiments.launch.environment import environment_of_child
from dmmix.experiments.launch.progress import Progress
from dmmix.experiments.launch.training import Training, last_lines
from dmmix.experiments.store.state import TO_DO, State, state_of

__all__ = ["environments", "run_local"]


class Show(Protocol):
    """What tells the user; see :mod:`dmmix.experiments.launch.show`."""

    def update(self, progress: Progress) -> None: ...

    def say(self, text: str) -> None: ...


def run_local(
    cells: Sequence[Cell],
    show: Show,
    jobs: int = 1,
    processes: int = 1,
    accept_changed: bool = False,
    pause: float = 0.5,
) -> bool:
    """Trains what is not finished.

    Returns:
        Whether all cells are finished, or trained by somebody else at this moment.

    Raises:
        KeyboardInterrupt: after the processes have been ended.
    """
    slots = environments(jobs)
    progress = Progress({cell: state_of(cell, accept_changed) for cell in cells}, jobs)
    for cell, state in progress.states.items():
        if state.word == "changed":
            show.say(changed_message(cell, state))
    queue = [c for c, state in progress.states.items() if state.word in TO_DO]
    free, active = list(range(jobs)), progress.active
    where: dict[Cell, int] = {}
    try:
        while queue or active:
            while queue and free:
                cell = queue.pop(0)
                training = Training.start(cell, slots[free[0]], processes, accept_changed)
                if training is None:
                    progress.states[cell] = state_of(cell, accept_changed)
                    show.say(f"{cell.name}: {_words(progress.states[cell])}")
                    continue
                where[cell] = free.pop(0)
                active[cell] = training
                progress.states[cell] = State("running")
                begun = f" from {progress.unit(cell)} {training.first_step}"
                show.say(f"{cell.name}: training{begun if training.first_step else ''}")
            for cell, training in list(active.items()):
                if training.poll() is None:
                    continue
                progress.took(cell, training)
                result = training.finish()
                del active[cell]
                free.append(where.pop(cell))
                progress.states[cell] = state_of(cell, accept_changed=True)
                _look_at_others(progress, accept_changed)
                show.say(_end_message(cell, result, training) + progress.summary())
            show.update(progress)
            if active:
                time.sleep(pause)
    finally:
        _stop_all(active)
    return all(s.word in ("finished", "running") for s in progress.states.values())


def environments(jobs: int, given: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """The environment of each of ``jobs`` processes that run at a time.

    The cores that this process may use are shared out, and so are the GPUs; what the user has set
    of the number of threads stays.
    """
    given = os.environ if given is None else given
    environment = environment_of_child(given)
    threads = str(max(1, cores() // jobs))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        environment.setdefault(name, given.get("OMP_NUM_THREADS", threads))
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


def changed_message(cell: Cell, state: State) -> str:
    return (
        f"{cell.name}: {state.note} than the sweep has now; it is left as it is. Move "
        f"{cell.folder} away to train it anew, or take it as it is with --accept-changed"
    )


def _end_message(cell: Cell, result: dict | None, training: Training) -> str:
    if result is not None:
        value = result["value"]
        key, metric = cell.sweep.key, cell.sweep.metric
        known = ", ".join(sorted(result["val"])) or "nothing"
        shown = f"no {key} was logged ({known} was)" if value is None else f"{value:.2f}"
        return f"{cell.name}: finished, {metric} {key} {shown}"
    log = cell.folder / "train.log"
    tail = "\n".join(f"    {line}" for line in last_lines(log))
    status = training.process.returncode
    return f"{cell.name}: failed with status {status}; the end of {log}:\n{tail}\n"


def _look_at_others(progress: Progress, accept_changed: bool) -> None:
    """What other sweeps have done in the meantime."""
    for cell, state in progress.states.items():
        if state.word == "running" and cell not in progress.active:
            progress.states[cell] = state_of(cell, accept_changed)


def _words(state: State) -> str:
    return f"{state.word} ({state.note})" if state.note else state.word


def _stop_all(active: Mapping[Cell, Training]) -> None:
    """All are told to end before the first is waited for."""
    for training in active.values():
        training.terminate()
    for training in active.values():
        training.stop()
