"""A run: what its folder holds, each file read once."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from dmmix.compat.lock import RUNNING, Lock
from dmmix.configuration.errors import UserError, near_files
from dmmix.experiments.store.files import read_json
from dmmix.experiments.store.metric import measure
from dmmix.experiments.store.plain_run import about_plain_run
from dmmix.experiments.store.records import Curve, Records, read_records

#: The lock that a sweep holds while it trains a cell, beside that of the run itself.
LOCK = "sweep.lock"
#: What dmmix mixed-accuracy writes beside a checkpoint.
MEASURED = "measured.json"


class State(NamedTuple):
    """One word, and what there is to say about it.

    ``finished``: trained to the end. ``changed``: trained, to the end or not, with another config
    than the sweep has now. ``running``: somebody trains it. ``failed``: its last start ended with
    an error. ``interrupted``: there is a checkpoint to go on from. ``waiting``: nothing yet.
    """

    word: str
    note: str = ""


class Checkpoint(NamedTuple):
    """What ``--resume`` goes on from: its epoch or iteration, and the file."""

    step: int
    file: Path


class Run:
    """One training, as its folder has it.

    Each file is read when it is first asked for, and kept: a run is how things stood then. A file
    that is not as it was written raises a UserError that names it.

    Args:
        folder: where all of it is.
        root: the folder where it was looked for, after which a run is called that no sweep made.
    """

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self.folder = folder
        self.root = folder if root is None else root

    @cached_property
    def result(self) -> dict[str, Any] | None:
        """What result.json says, if the run came to its end; its curves are of (step, value)."""
        file = self.folder / "result.json"
        result = read_json(file, fingerprint=dict)
        if result is None or not result.get("complete"):
            return None
        for name in ("val", "train"):
            result[name] = _curves(result, name, file)
        if not isinstance(result.get("axes"), dict):
            raise UserError(f"{file}: 'axes' must be a dict, got {result.get('axes')!r}")
        return result

    @cached_property
    def failure(self) -> dict[str, Any] | None:
        """What failed.json says, if its last start ended with an error."""
        return read_json(self.folder / "failed.json", last_lines=list)

    @cached_property
    def description(self) -> dict[str, Any] | None:
        """What result.json says of it, or else cell.json; ``None`` where no sweep has begun it."""
        file = self.folder / "cell.json"
        return self.result or read_json(file, axes=dict, steps=int, fingerprint=dict)

    @cached_property
    def about(self) -> dict[str, Any]:
        """The same; of a run that no sweep made, what its config and its folder's name say."""
        return self.description or about_plain_run(self.folder, self.root)

    @cached_property
    def axes(self) -> dict[str, str]:
        """The values of its axes by name; without a sweep, ``run`` (its folder) and ``seed``."""
        return self.about.get("axes") or {"run": self.folder.name}

    @cached_property
    def logged(self) -> Records:
        """Its curves: those of result.json, or of the log of one that is not finished."""
        if self.result is None:
            return read_records(self.folder)
        val, train = self.result["val"], self.result["train"]
        steps = [step for curve in (*val.values(), *train.values()) for step, _ in curve]
        return Records(val, train, max(steps, default=0))

    @cached_property
    def measured(self) -> dict[str, Any]:
        """What measured.json says; its ``values`` are curves."""
        file = self.folder / MEASURED
        measured = read_json(file) or {"values": {}}
        return {**measured, "values": _curves(measured, "values", file)}

    @cached_property
    def val(self) -> dict[str, Curve]:
        """Curves of the validation, and what dmmix mixed-accuracy measured."""
        return self.logged.val | self.measured["values"]

    @property
    def train(self) -> dict[str, Curve]:
        """Curves of the training."""
        return self.logged.train

    @cached_property
    def finished(self) -> bool:
        """Whether it came to its end; where no sweep trained it, its log says so."""
        steps = self.about.get("steps") or 0
        return self.result is not None or bool(0 < steps <= self.logged.step and self.logged.val)

    @cached_property
    def checkpoint(self) -> Checkpoint | None:
        """The last one."""
        found = [
            Checkpoint(int(number), file)
            for kind in ("epoch", "iter")
            for file in self.folder.glob(f"{kind}_*.pth")
            if (number := file.stem.split("_")[1]).isdigit()
        ]
        return max(found, key=lambda checkpoint: checkpoint.step, default=None)

    @cached_property
    def state(self) -> State:
        """How far it is for a sweep, which ends a run by a result."""
        who = Lock(self.folder / LOCK).holder()
        return self.state_in_itself if who is None else State("running", who)

    @cached_property
    def state_in_itself(self) -> State:
        """The same, whichever sweep holds it now."""
        if who := Lock(self.folder / RUNNING).holder():
            return State("running", who)
        if changed := ", ".join(self.where_changed()):
            what = "begun" if self.result is None else "finished"
            return State("changed", f"{what} with another {changed}")
        if self.result is not None:
            return State("finished")
        if self.failure is not None:
            lines = self.failure.get("last_lines", [])
            errors = [line for line in lines if line.startswith("error: ")]
            note = ", ".join([f"status {self.failure.get('status')}", *errors[-1:]])
            return State("failed", note)
        return State("waiting" if self.checkpoint is None else "interrupted")

    def where_changed(self) -> list[str]:
        """The entries of the config that are others than are wanted now: here none is wanted."""
        return []

    def curve(self, key: str) -> Curve | None:
        """Of the validation or the training; ``None`` where it logged no such thing."""
        return self.val.get(key) or self.train.get(key)

    def value(self, key: str, metric: str) -> float | None:
        """What it is worth; ``None`` where it logged no such thing."""
        curve = self.curve(key)
        return measure(curve, metric) if curve else None


def runs_under(folders: Iterable[Path]) -> list[Run]:
    """All runs in the folders, however deep, of sweeps or not, in order of their paths.

    The sweep is an axis of its own where there are several.

    Raises:
        UserError: a folder that is none, or without a run in it; a file that is not as it was
            written.
    """
    found: dict[Path, Run] = {}
    for folder in folders:
        if folder.is_file():
            raise UserError(f"{folder} is a file; a folder with runs in it was expected")
        if not folder.is_dir():
            raise UserError(f"no work folder {folder}{near_files(str(folder))}")
        here = {file.parent for file in folder.rglob("cell.json")}
        here |= {file.parents[2] for file in folder.rglob("*/vis_data/scalars.json")}
        if not here:
            raise UserError(f"{folder}: no run in it: no cell.json and no vis_data/scalars.json")
        found.update({path.resolve(): Run(path, folder) for path in here})
    runs = [found[path] for path in sorted(found)]
    if len({run.about.get("sweep") for run in runs}) > 1:
        for run in runs:
            run.axes = {"sweep": run.about.get("sweep", ""), **run.axes}
    return runs


def _curves(entries: dict[str, Any], name: str, file: Path) -> dict[str, Curve]:
    """By name, the (step, value) that a JSON file has under ``name``."""
    try:
        return {
            key: [(int(step), float(value)) for step, value in curve]
            for key, curve in entries[name].items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{file}: {name!r} must have a list of (step, value) by name; move it away to do "
            "without it"
        ) from error
