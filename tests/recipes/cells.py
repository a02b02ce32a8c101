"""The cells of all sweeps, and which of them to run so that every pair of axis values is run."""

from __future__ import annotations

import importlib
import itertools
import sys

from tests.recipes.shrinking import CONFIGS

#: Axes of how long and how much.
NUMBERS = {"epochs", "length", "labels", "label_fraction", "labels_per_class", "eta", "seed"}
SWEEPS = sorted(path.stem for path in (CONFIGS / "sweeps").glob("*.py"))


def cells(root):
    """By ``SWEEP/CELL``, every cell with the first of its seeds."""
    tools = str(CONFIGS.parent / "tools")
    sys.path.insert(0, tools)
    try:
        cell, spec = (importlib.import_module(f"_sweep.{name}") for name in ("cell", "spec"))
    finally:
        sys.path.remove(tools)
    found = {}
    for name in SWEEPS:
        sweep = spec.read_sweep(CONFIGS / "sweeps" / f"{name}.py")
        first = {"seed": [next(iter(sweep.axes["seed"]))]} if "seed" in sweep.axes else None
        for one in cell.cells_of(sweep, root / name, first):
            found[f"{name}/{one.name}"] = one
    return found


def pairs(cell):
    """All pairs of values of two axes; a recipe is its file, whatever the sweep calls it.

    A number meets its recipe only: one step of one mix is not another one in a longer training, or
    with more labels.
    """
    values = {"recipe": cell.recipe, **{k: v for k, v in cell.point.items() if k != "recipe"}}
    return {
        (one, other)
        for one, other in itertools.combinations(sorted(values.items()), 2)
        if not NUMBERS & {one[0], other[0]} or "recipe" in (one[0], other[0])
    }


def covering(cells):
    """Names of cells that have every pair between them: each time the one with the most new."""
    left = {name: pairs(cell) for name, cell in cells.items()}
    missing = set().union(*left.values())
    chosen = []
    while missing:
        name = max(left, key=lambda name: len(left[name] & missing))
        missing -= left.pop(name)
        chosen.append(name)
    return sorted(chosen)
