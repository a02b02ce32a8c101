"""How far a cell is, as its folder has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from dmmix.compat.lock import RUNNING, Lock
from dmmix.configuration.fingerprint import where_changed
from dmmix.experiments.grid.cell import Cell
from dmmix.experiments.store.files import read_json

__all__ = ["LOCK", "TO_DO", "State", "last_checkpoint", "read_result", "state_of"]

#: The lock that a sweep holds while it trains a cell, beside that of the run itself.
LOCK = "sweep.lock"
#: What a sweep trains.
TO_DO = ("waiting", "interrupted", "failed")


class State(NamedTuple):
    """One word, and what there is to say about it.

    ``finished``: trained to the end. ``changed``: trained, to the end or not, with another config
    than the sweep has now. ``running``: somebody trains it. ``failed``: its last start ended with
    an error. ``interrupted``: there is a checkpoint to go on from. ``waiting``: nothing yet.
    """

    word: str
    note: str = ""


def state_of(cell: Cell, accept_changed: bool = False, locked_by_us: bool = False) -> State:
    """The state of a cell.

    Args:
        cell: which.
        accept_changed: what was trained with another config counts all the same.
        locked_by_us: do not ask which sweep trains it.
    """
    locks = [RUNNING] if locked_by_us else [LOCK, RUNNING]
    who = next(filter(None, (Lock(cell.folder / name).holder() for name in locks)), None)
    if who is not None:
        return State("running", who)
    result = read_result(cell.folder)
    resumable = last_checkpoint(cell.folder) is not None
    begun = result or (
        read_json(cell.folder / "cell.json", fingerprint=dict) if resumable else None
    )
    if begun is not None and not accept_changed:
        changed = where_changed(begun.get("fingerprint", {}), cell.fingerprint)
        if changed:
            what = "finished" if result else "begun"
            return State("changed", f"{what} with another {', '.join(changed)}")
    if result is not None:
        return State("finished")
    failure = read_json(cell.folder / "failed.json", last_lines=list)
    if failure is not None:
        errors = [line for line in failure.get("last_lines", []) if line.startswith("error: ")]
        status = f"status {failure.get('status')}"
        return State("failed", f"{status}, {errors[-1]}" if errors else status)
    return State("interrupted" if resumable else "waiting")


def read_result(folder: Path) -> dict[str, Any] | None:
    """What result.json says, if the run came to its end."""
    result = read_json(folder / "result.json", fingerprint=dict)
    return result if result is not None and result.get("complete") else None


def last_checkpoint(folder: Path) -> int | None:
    """The epoch or iteration that ``--resume`` goes on from; ``None`` where nothing is saved."""
    files = [file for kind in ("epoch", "iter") for file in folder.glob(f"{kind}_*.pth")]
    return max((int(n) for file in files if (n := file.stem.split("_")[1]).isdigit()), default=None)
