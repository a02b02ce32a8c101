"""Checkpoints of finished runs, without what only a training needs."""

from __future__ import annotations

from pathlib import Path

from mmengine.runner import CheckpointLoader, save_checkpoint

from dmmix.engine.resuming.go_on import WEIGHTS

_STATE = ("optimizer", "param_schedulers", WEIGHTS)


def drop_training_state(file: Path) -> int:
    """Rewrites a checkpoint without the state of optimiser and schedules; weights, averages,
    config, classes and logs stay. The file is the old one or the new one, whenever it ends.

    Returns:
        How many bytes smaller it is; 0 where it held no such state.

    Raises:
        dmmix.compat.CheckpointError: it cannot be read.
        OSError: or written.
    """
    checkpoint = CheckpointLoader.load_checkpoint(str(file), "cpu", logger="silent")
    there = [key for key in _STATE if key in checkpoint]
    if not there:
        return 0
    for key in there:
        del checkpoint[key]
    before = file.stat().st_size
    save_checkpoint(checkpoint, str(file))
    return before - file.stat().st_size
