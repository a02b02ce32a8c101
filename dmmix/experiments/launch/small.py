"""Finished cells whose checkpoints keep no state of the optimiser."""

from __future__ import annotations

from dmmix.compat.errors import CheckpointError
from dmmix.compat.lock import Lock
from dmmix.experiments.launch.plan import CellRun
from dmmix.experiments.store.files import read_json, write_json
from dmmix.experiments.store.run import LOCK

_DONE = "small_checkpoints"


def make_small(run: CellRun) -> str | None:
    """Makes the checkpoints of a finished cell small; what there is to tell.

    All of them, also those before the last one: a resumed run would go back to these.
    """
    lock = Lock(run.folder / LOCK)
    if run.result is None or run.result.get(_DONE) or not lock.take():
        return None
    from dmmix.engine.small_checkpoint import drop_training_state

    try:
        files = [*run.folder.glob("epoch_*.pth"), *run.folder.glob("iter_*.pth")]
        gone = sum(drop_training_state(file) for file in files)
        file = run.folder / "result.json"
        write_json(file, {**(read_json(file) or {}), _DONE: True})
    except (CheckpointError, OSError) as error:
        return f"{run.name}: its checkpoints are as they were: {error}"
    finally:
        lock.release()
    return f"{run.name}: its checkpoints are {gone / 1e6:.1f} MB smaller" if gone else None
