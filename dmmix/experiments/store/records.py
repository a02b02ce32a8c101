"""What a run logged: the scalars files in its work folder, put together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

#: (step, value), in order of the steps.
Curve = list[tuple[int, float]]


class Records(NamedTuple):
    """Curves by name.

    Attributes:
        val: of the validation, one value each time; steps are epochs, or iterations for a run that
            counts those.
        train: of the training: mixed_top1, mixed_top2, the loss and its parts, the last logged of
            each epoch.
        step: the last step that anything was logged of.
    """

    val: dict[str, Curve]
    train: dict[str, Curve]
    step: int


def read_records(folder: Path) -> Records:
    """The curves of a work folder; of a run that was resumed, all its starts as one.

    What an earlier start logged after the checkpoint that the next one went on from counts for
    nothing: it was trained again.
    """
    curves: dict[str, dict[str, dict[int, float]]] = {"val": {}, "train": {}}
    last = 0
    for file in sorted(folder.glob("*/vis_data/scalars.json")):
        begun: set[str] = set()
        for record in _lines(file):
            # Training records have the iteration beside the step; those of the validation do not.
            kind = "train" if "iter" in record else "val"
            step = record.get("step") if kind == "val" else record.get("epoch", record["iter"])
            if step is None:
                continue
            if kind not in begun:
                begun.add(kind)
                last = step
                for curve in curves[kind].values():
                    for later in [s for s in curve if s >= step]:
                        del curve[later]
            last = max(last, step)
            for key, value in record.items():
                if _is_wanted(key, kind) and isinstance(value, int | float):
                    curves[kind].setdefault(key, {})[step] = float(value)
    val, train = (
        {key: sorted(curve.items()) for key, curve in curves[kind].items() if curve}
        for kind in ("val", "train")
    )
    return Records(val, train, last)


def _is_wanted(key: str, kind: str) -> bool:
    if kind == "train":
        return key.startswith(("loss", "mixed_top"))
    return key not in ("step", "time", "data_time")


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    # The last line may be half written.
    for line in file.read_text(errors="replace", encoding="utf-8").split("\n")[:-1]:
        try:
            record = json.loads(line)
        except ValueError:  # torn by a crash; what follows is whole again
            continue
        if isinstance(record, dict):
            yield record
