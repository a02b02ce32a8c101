"""Finished and unfinished runs in work folders, of a sweep or of dmmix train alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dmmix.configuration.errors import UserError, near_files
from dmmix.experiments.store.files import read_json
from dmmix.experiments.store.metric import measure
from dmmix.experiments.store.plain_run import of_config, run_name
from dmmix.experiments.store.records import read_records
from dmmix.experiments.store.state import read_result

__all__ = ["MEASURED", "TRAINED", "Run", "find_runs", "with_sweeps"]

#: Names of what is measured in training, on the mixed samples themselves.
TRAINED = ("mixed_top1", "mixed_top2")
#: What dmmix mixed-accuracy writes beside a checkpoint.
MEASURED = "measured.json"


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        folder: where it is.
        axes: the values of its axes by name; of a run that no sweep made, ``run`` (its folder) and
            ``seed``.
        finished: whether it came to its end.
        val, train: its curves by name, (step, value) in order.
        about: what cell.json says; empty for a run that no sweep made.
    """

    folder: Path
    axes: dict[str, str]
    finished: bool
    val: dict[str, list]
    train: dict[str, list]
    about: dict[str, Any]

    def value(self, key: str, metric: str) -> float | None:
        """What it is worth; ``None`` where it logged no such thing."""
        curve = self.val.get(key) or (self.train.get(key) if key in TRAINED else None)
        return measure(curve, metric) if curve else None

    @property
    def published(self) -> float | None:
        return self.about.get("published")

    @property
    def published_note(self) -> str | None:
        return self.about.get("published_note")


def find_runs(folders: Iterable[Path]) -> list[Run]:
    """All runs in the folders, however deep, in order of their paths.

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
        here = {path.resolve(): run for path, run in _runs_in(folder)}
        if not here:
            raise UserError(f"{folder}: no run in it: no cell.json and no vis_data/scalars.json")
        found.update(here)
    return [_with_measured(found[path]) for path in sorted(found)]


def with_sweeps(runs: Sequence[Run]) -> list[Run]:
    """The sweep is an axis of its own where there are several."""
    names = {run.about.get("sweep") for run in runs}
    if len(names) < 2:
        return list(runs)
    return [replace(r, axes={"sweep": r.about.get("sweep", ""), **r.axes}) for r in runs]


def _runs_in(folder: Path) -> Iterator[tuple[Path, Run]]:
    cells = {file.parent for file in folder.rglob("cell.json")}
    logs = {file.parents[2] for file in folder.rglob("*/vis_data/scalars.json")}
    for path in cells:
        yield path, _cell(path)
    for path in logs - cells:
        yield path, _plain(path, folder)


def _with_measured(run: Run) -> Run:
    measured = read_json(run.folder / MEASURED) or {}
    curves = _curves(measured, "values", run.folder / MEASURED) if measured else {}
    return replace(run, val={**run.val, **curves}) if curves else run


def _cell(path: Path) -> Run:
    about = read_json(path / "cell.json", axes=dict, steps=int) or {}
    result = read_result(path)
    if result is not None:
        file = path / "result.json"
        val, train = (_curves(result, name, file) for name in ("val", "train"))
        if not isinstance(result.get("axes"), dict):
            raise UserError(f"{file}: 'axes' must be a dict, got {result.get('axes')!r}")
        return Run(path, result["axes"], True, val, train, result)
    records = read_records(path)
    axes = about.get("axes") or {"run": path.name}
    # Trained by dmmix train and no sweep: there is no result, but a log up to the last step.
    done = bool(about.get("steps")) and bool(records.val) and records.step >= about["steps"]
    return Run(path, axes, done, records.val, records.train, about)


def _curves(entries: dict[str, Any], name: str, file: Path) -> dict[str, list]:
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


def _plain(path: Path, root: Path) -> Run:
    records, (seed, steps) = read_records(path), of_config(path)
    name = run_name(path, root, seed)
    axes = {"run": name} if seed is None else {"run": name, "seed": str(seed)}
    done = steps is not None and records.step >= steps and bool(records.val)
    return Run(path, axes, done, records.val, records.train, dict(steps=steps))
