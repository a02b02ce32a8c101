"""The cells of all sweeps, and which of them to run so that every pair of what differs is run."""

from __future__ import annotations

import itertools
from functools import cache

from dmmix.configuration.reading import read_file
from dmmix.experiments.grid.cell import cells_of
from dmmix.experiments.grid.sweep_file import read_sweep
from tests.recipes.shrinking import CONFIGS

#: Axes of how long and how much.
NUMBERS = {"epochs", "length", "labels", "label_fraction", "labels_per_class", "eta", "seed"}
SWEEPS = sorted(path.stem for path in (CONFIGS / "sweeps").glob("*.py"))


def cells(root):
    """By ``SWEEP/CELL``, every cell with the first of its seeds."""
    found = {}
    for name in SWEEPS:
        sweep = read_sweep(CONFIGS / "sweeps" / f"{name}.py")
        first = {"seed": [next(iter(sweep.axes["seed"]))]} if "seed" in sweep.axes else None
        for one in cells_of(sweep, root / name, first):
            found[f"{name}/{one.name}"] = one
    return found


def wanted(cell):
    """What one step of this cell shows: pairs of a network, a mix, an objective and the like; its
    recipe; each value on an axis of its sweep.

    Recipes of one network differ in the data and in the length, of which one step knows nothing, so
    not every mix has to meet every recipe. A number is no pair with anything: one step of one mix
    is not another one in a longer training, or with more labels.
    """
    point = {axis: value for axis, value in cell.point.items() if axis != "recipe"}
    kinds = {axis: value for axis, value in point.items() if axis not in NUMBERS}
    kinds["network"] = _network(cell.recipe)
    found = set(itertools.combinations(sorted(kinds.items()), 2))
    found.add(("recipe", cell.recipe))
    return found | {(cell.sweep.name, axis, value) for axis, value in point.items()}


@cache
def _network(recipe):
    backbone = read_file(str(CONFIGS / recipe)).model.backbone
    return "-".join(str(part) for part in backbone.values() if isinstance(part, str | int))


def covering(wanted):
    """Names that show between them all that each shows: each time the one with the most new."""
    left = dict(wanted)
    missing = set().union(*left.values())
    chosen = []
    while missing:
        name = max(left, key=lambda name: len(left[name] & missing))
        missing -= left.pop(name)
        chosen.append(name)
    return sorted(chosen)
