"""What a run logged: the scalars files in its work folder, put together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Records", "read_records"]

_TRAIN_KEYS = ("mixed_top1", "mixed_top2", "loss")


class Records(NamedTuple):
    """Curves by name, each a list of (step, value) in order of the steps.

    Attributes:
        val: of the validation, one value each time; steps are epochs, or iterations for a run that
            counts those.
        train: of the training: mixed_top1, mixed_top2 and loss, the last logged of each epoch.
        step: the last step that anything was logged of.
    """

    val: dict[str, list[tuple[int, float]]]
    train: dict[str, list[tuple[int, float]]]
    step: int


def read_records(folder: Path) -> Records:
    """The curves of a work folder; of a run that was resumed, all its starts as one.

    What an earlier start logged after the checkpoint that the next one went on from counts for
    nothing: it was trained again.
    """
    val: dict[str, dict[int, float]] = {}
    train: dict[str, dict[int, float]] = {}
    last = 0
    for file in sorted(folder.glob("*/vis_data/scalars.json")):
        first_here: dict[str, int] = {}
        for record in _lines(file):
            kind, step = _kind_and_step(record)
            if step is None:
                continue
            curves = train if kind == "train" else val
            if kind not in first_here:
                first_here[kind] = last = step
                for curve in curves.values():
                    for later in [s for s in curve if s >= step]:
                        del curve[later]
            last = max(last, step)
            for key, value in record.items():
                wanted = key in _TRAIN_KEYS if kind == "train" else key not in _NOT_MEASURED
                if wanted and isinstance(value, int | float):
                    curves.setdefault(key, {})[step] = float(value)
    return Records(_ordered(val), _ordered(train), last)


_NOT_MEASURED = ("step", "time", "data_time")


def _kind_and_step(record: dict[str, Any]) -> tuple[str, int | None]:
    """Training records have the iteration beside the step; those of the validation do not."""
    if "iter" in record:
        return "train", record.get("epoch", record["iter"])
    return "val", record.get("step")


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    # The last line may be half written.
    for line in file.read_text(errors="replace", encoding="utf-8").split("\n")[:-1]:
        try:
            record = json.loads(line)
        except ValueError:  # torn by a crash; what follows is whole again
            continue
        if isinstance(record, dict):
            yield record


def _ordered(curves: dict[str, dict[int, float]]) -> dict[str, list[tuple[int, float]]]:
    return {key: sorted(curve.items()) for key, curve in curves.items() if curve}
