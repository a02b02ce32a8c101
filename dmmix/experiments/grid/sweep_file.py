"""A sweep file: reading it, and saying what is wrong with it."""

from __future__ import annotations

import itertools
import re
import runpy
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from dmmix.configuration.errors import UserError, near_files
from dmmix.configuration.shipped import CONFIGS, find_config
from dmmix.experiments.grid.published import Published, read_published
from dmmix.experiments.paper.methods import METHODS, STRATEGIES
from dmmix.experiments.paper.mixes import MIXES, NOT_BUILT
from dmmix.experiments.paper.objectives import OBJECTIVES
from dmmix.experiments.store.metric import check_metric
from dmmix.suggestions import suggestion, suggestion_or_all

#: What a sweep file may define; other names start with an underscore.
_NAMES = {
    *("axes", "baseline", "exclude", "key", "metric", "overrides", "published"),
    *("published_by", "published_note", "recipes", "special", "subset_seed"),
}
#: Axes whose values mean something; all others are named overrides.
AXES = {
    *("recipe", "mixup", "objective", "seed", "epochs"),
    *("label_fraction", "labels_per_class", "subset_seed", "alpha", "eta"),
}
#: Named overrides that have names already.
_NAMED = {"method": METHODS, "strategy": STRATEGIES}
_LABELS = {
    "seed": "s{}",
    "epochs": "{}ep",
    "label_fraction": "frac{}",
    "labels_per_class": "{}perclass",
    "subset_seed": "split{}",
    "alpha": "alpha{}",
    "eta": "eta{}",
}


@dataclass(frozen=True)
class Sweep:
    """A grid of trainings, as a file in ``configs/sweeps`` states it.

    Attributes:
        path: the file.
        about: its docstring.
        recipes: by name, the path of the config under ``configs/``.
        axes: by name, what stands in the file for each value of the axis, by the value's name.
        exclude: combinations that are no cells: for some axes, a value or several.
        overrides: changes to the config of every cell.
        special: changes to some: ``dict(where=..., set=...)``.
        published: see :mod:`dmmix.experiments.grid.published`; its note is shown wherever the
            numbers are.
        baseline: the values that :mod:`dmmix report` compares with.
        subset_seed: of the split of the labels: a number, or ``'seed'`` for that of the cell (of
            the recipe's own split too, where no axis makes one).
        metric, key: which number of a run counts (:mod:`dmmix.experiments.store.metric`).
    """

    path: Path
    about: str
    recipes: dict[str, str]
    axes: dict[str, dict[str, Any]]
    exclude: list[dict] = field(default_factory=list)
    overrides: Mapping = field(default_factory=dict)
    special: list[dict] = field(default_factory=list)
    published: Published = field(default_factory=Published)
    baseline: dict[str, str] | None = None
    subset_seed: int | str = 0
    metric: str = "median10"
    key: str = "accuracy/top1"

    @property
    def name(self) -> str:
        return self.path.stem

    def points(self, only: Mapping[str, Sequence[str]] | None = None) -> Iterator[dict[str, str]]:
        """The names of each combination that is a cell; of ``only`` these values, where given.

        Raises:
            UserError: an axis or a value that the sweep does not have, or nothing that is left.
        """
        only = {} if only is None else only
        _check_where(only, self.axes, "--only")
        kept = [
            [value for value in values if axis not in only or value in only[axis]]
            for axis, values in self.axes.items()
        ]
        found = False
        for combination in itertools.product(*kept):
            point = dict(zip(self.axes, combination, strict=True))
            if not any(matches(point, where) for where in self.exclude):
                found = True
                yield point
        if not found:
            raise UserError(f"{self.path}: no cell is left, given --only and exclude")

    def label(self, point: Mapping[str, str]) -> str:
        """The name of a cell: ``cutmix-dm_ce-s0``."""
        names = [point[axis] for axis in self.axes]
        return "-".join(
            _LABELS[axis].format(name) if axis in _LABELS and name != "all" else name
            for axis, name in zip(self.axes, names, strict=True)
        )

    def recipe(self, point: Mapping[str, str]) -> str:
        """The path of a cell's recipe under ``configs/``."""
        return self.recipes[point.get("recipe", next(iter(self.recipes)))]

    def published_value(self, point: Mapping[str, str]) -> float | None:
        return self.published.find({"recipe": next(iter(self.recipes)), **point})


def matches(point: Mapping[str, str], where: Mapping[str, Any]) -> bool:
    """Whether all axes of ``where`` have the value, or one of the values, that stands there."""
    return all(point[axis] in _several(values) for axis, values in where.items())


def read_sweep(path: str | Path) -> Sweep:
    """Reads and checks a sweep file.

    Raises:
        UserError: naming the file, what is wrong in it and what is allowed.
    """
    path = Path(find_config(str(path), "sweep"))
    text = path.read_text(encoding="utf-8", errors="replace")
    if re.search(r"^(_base_|model)\b *=", text, re.M):
        raise UserError(f"{path} is the config of one training, which dmmix train takes")
    read = _run(path)
    about = (read.pop("__doc__", None) or "").strip()
    values = {
        name: value
        for name, value in read.items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    for name in values:
        if name not in _NAMES:
            raise UserError(f"{path}: unknown name {name!r}" + _allowed(name, _NAMES))
    try:
        return _checked(path, about, **values)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _run(path: Path) -> dict[str, Any]:
    try:
        return runpy.run_path(str(path))
    except Exception as error:
        # The innermost line of this file, which may have called others.
        stack = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in stack if frame.filename == str(path)]
        line = lines[-1] if lines else getattr(error, "lineno", None)
        at = "" if line is None else f", line {line}"
        raise UserError(f"{path}{at}: {type(error).__name__}: {error}") from error


def _checked(path: Path, about: str, **given: Any) -> Sweep:
    for name in ("recipes", "axes"):
        if not isinstance(given.get(name), Mapping) or not given[name]:
            raise UserError(f"{name} must be a dict with something in it, got {given.get(name)!r}")
    recipes = dict(given["recipes"])
    for name, recipe in recipes.items():
        _check_recipe(name, recipe)
    axes = dict(given["axes"])
    if "recipe" not in axes and len(recipes) > 1:
        axes = {"recipe": list(recipes), **axes}
    axes = {axis: _axis(axis, values, recipes) for axis, values in axes.items()}
    _check_together(axes)
    overrides = given.get("overrides", {})
    if not isinstance(overrides, Mapping):
        raise UserError(f"overrides must be a dict, got {overrides!r}")
    for name in ("exclude", "special"):
        if not isinstance(given.get(name, []), list | tuple):
            raise UserError(f"{name} must be a list of dicts, got {given[name]!r}")
    where = {
        "exclude": given.get("exclude", []),
        "special": [_where_of(entry) for entry in given.get("special", [])],
        "baseline": [given["baseline"]] if given.get("baseline") else [],
    }
    for name, entries in where.items():
        for entry in entries:
            _check_where(entry, axes, name)
    for axis, value in (given.get("baseline") or {}).items():
        if not isinstance(value, str | int | float):
            raise UserError(f"baseline: {axis} must be one value, got {value!r}")
    published_by = tuple(given.get("published_by", ()))
    for axis in published_by:
        if axis not in axes:
            raise UserError(f"published_by: no axis {axis!r}" + _allowed(axis, set(axes)))
    note = given.get("published_note", "")
    if not isinstance(note, str):
        raise UserError(f"published_note must be text, got {note!r}")
    published = read_published(
        given.get("published"),
        published_by,
        {"recipe": recipes, **axes},
        " ".join(note.split()),
    )
    metric = given.get("metric", "median10")
    check_metric(metric)
    strings = {axis: str(value) for axis, value in (given.get("baseline") or {}).items()}
    return Sweep(
        path=path,
        about=about,
        recipes=recipes,
        axes=axes,
        exclude=[_strings(entry) for entry in where["exclude"]],
        overrides=overrides,
        special=[
            dict(where=_strings(entry["where"]), set=entry["set"])
            for entry in given.get("special", [])
        ],
        published=published,
        baseline=strings or None,
        subset_seed=_subset_seed(given.get("subset_seed", 0), axes),
        metric=metric,
        key=given.get("key", "accuracy/top1"),
    )


def _check_recipe(name: str, recipe: Any) -> None:
    if not isinstance(recipe, str):
        raise UserError(f"recipes[{name!r}] must be a path under configs/, got {recipe!r}")
    file = CONFIGS / recipe
    if not file.is_file():
        raise UserError(f"recipes[{name!r}]: no config file {file}{near_files(str(file))}")


def _axis(axis: str, values: Any, recipes: Mapping[str, str]) -> dict[str, Any]:
    """By name, what each value of the axis is."""
    if not isinstance(values, Mapping | list | tuple) or not values:
        raise UserError(f"axes[{axis!r}] must be a list or a dict, not empty, got {values!r}")
    named = _NAMED.get(axis, {})
    if axis not in AXES and not named:
        near = suggestion(axis, AXES)
        own = isinstance(values, Mapping) and all(isinstance(v, dict) for v in values.values())
        if near or not own:
            near = near or _allowed(axis, {*AXES, *_NAMED})
            raise UserError(
                f"unknown axis {axis!r}{near}; an axis of your own is a dict of overrides by name"
            )
    known = {"recipe": recipes, "mixup": MIXES, "objective": OBJECTIVES, **_NAMED}
    by_name: dict[str, Any] = {}
    for value in values:
        if axis not in known and not isinstance(values, Mapping):
            _check_number(axis, value)
        name = "all" if value is None else str(value)
        if not re.fullmatch(r"[\w.]+", name):
            raise UserError(
                f"axes[{axis!r}]: {name!r} is to name a folder: letters, digits, . and _ only"
            )
        if name in by_name:
            raise UserError(f"axes[{axis!r}] has {name!r} twice")
        if isinstance(values, Mapping):
            if axis not in ("mixup", "objective") and axis in AXES:
                raise UserError(f"axes[{axis!r}] must be a list, got {values!r}")
            given = values[value]
            if isinstance(given, str) and given in named:
                given = dict(model=named[given].model)
            if not isinstance(given, dict):
                raise UserError(f"axes[{axis!r}][{value!r}] must be a dict, got {given!r}")
            by_name[name] = given
        elif axis in known:
            if name not in known[axis]:
                built = f"; {NOT_BUILT[name]} is not built" if name in NOT_BUILT else ""
                hint = built or _allowed(name, set(known[axis]))
                raise UserError(f"axes[{axis!r}]: no {axis} {name!r}{hint}")
            by_name[name] = dict(model=named[name].model) if named else value
        else:
            if value in by_name.values():  # by another name: 1 and 1.0
                raise UserError(f"axes[{axis!r}] has {value!r} twice")
            by_name[name] = value
    return by_name


def _check_number(axis: str, value: Any) -> None:
    if axis == "label_fraction":
        if value is not None and not (type(value) in (int, float) and 0 < value <= 1):
            raise UserError(f"axes['label_fraction'] must be in (0, 1] or None, got {value!r}")
        return
    if axis in ("alpha", "eta"):
        if type(value) not in (int, float) or not 0 <= value < float("inf"):
            raise UserError(f"axes[{axis!r}] must be numbers, 0 or more, got {value!r}")
        return
    least = 0 if axis in ("seed", "subset_seed") else 1
    if value is None and axis == "labels_per_class":
        return
    if type(value) is not int or value < least:
        raise UserError(f"axes[{axis!r}] must be integers, {least} or more, got {value!r}")


def _check_together(axes: Mapping[str, Any]) -> None:
    if "label_fraction" in axes and "labels_per_class" in axes:
        raise UserError("axes: label_fraction and labels_per_class do not go together")
    if "subset_seed" in axes and not {"label_fraction", "labels_per_class"} & set(axes):
        raise UserError("axes: subset_seed needs label_fraction or labels_per_class")


def _subset_seed(value: Any, axes: Mapping[str, Any]) -> int | str:
    if value == "seed":
        if "seed" not in axes or "subset_seed" in axes:
            raise UserError("subset_seed='seed' needs the axis seed, and no axis subset_seed")
    elif type(value) is not int or value < 0:
        raise UserError(f"subset_seed must be 'seed' or an integer, 0 or more, got {value!r}")
    return value


def _where_of(entry: Any) -> dict:
    if not isinstance(entry, Mapping) or set(entry) != {"where", "set"}:
        raise UserError(f"special must be of dict(where=..., set=...), got {entry!r}")
    if not isinstance(entry["set"], Mapping):
        raise UserError(f"special: set must be a dict of overrides, got {entry['set']!r}")
    return entry["where"]


def _check_where(where: Any, axes: Mapping[str, Mapping[str, Any]], name: str) -> None:
    if not isinstance(where, Mapping):
        raise UserError(f"{name} must name axes and values in a dict, got {where!r}")
    for axis, values in where.items():
        if axis not in axes:
            raise UserError(f"{name}: no axis {axis!r}" + _allowed(axis, set(axes)))
        for value in _several(values):
            known = set(axes[axis])
            if str(value) not in known:
                raise UserError(f"{name}: {axis} has no {str(value)!r}" + _allowed(value, known))


def _several(values: Any) -> Sequence:
    return values if isinstance(values, list | tuple) else [values]


def _strings(where: Mapping[str, Any]) -> dict[str, list[str]]:
    return {axis: [str(value) for value in _several(values)] for axis, values in where.items()}


def _allowed(name: Any, known: set[str]) -> str:
    return suggestion_or_all(str(name), sorted(known))
