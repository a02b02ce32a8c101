"""How runs got there: python tools/analysis/plot_curves.py WORK_DIRS --out curves.png.

A line for runs that differ only in their seed: the mean over them, with a band from the lowest to
the highest, against the epoch. Reads what tools/analysis/summarize.py reads.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import _cli
from _cli import UserError

ENDINGS = (".png", ".svg", ".pdf")


def main() -> None:
    args = _parser().parse_args()
    with _cli.reported_errors(args.traceback):
        _plot(args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Curves of many runs, grouped over seeds")
    parser.add_argument("work_dirs", nargs="+", type=Path, help="folders with runs in them")
    parser.add_argument("--out", type=Path, required=True, help="picture to write (.png, .svg)")
    parser.add_argument(
        "--only",
        nargs="+",
        action="extend",
        type=_cli._key_and_value,
        metavar="AXIS=VALUE",
        help="some runs: method=fixmatch method=fixmatch_dm",
    )
    parser.add_argument(
        "--key", nargs="+", default=["accuracy/top1"], help="a panel each; default: accuracy/top1"
    )
    parser.add_argument("--title", default="", help="line on top")
    parser.add_argument("--traceback", action="store_true", help="show the whole stack of an error")
    return parser


def _plot(args: Any) -> None:
    from _sweep.runs import find_runs

    from dmmix.visualization import draw_curves

    if args.out.suffix not in ENDINGS:
        raise UserError(f"--out must end in one of {', '.join(ENDINGS)}, got {args.out}")
    runs = find_runs(args.work_dirs)
    for run in runs:
        if not run.finished:
            print(f"not finished, left out: {run.folder}", file=sys.stderr)
    runs = _chosen([run for run in runs if run.finished], args.only or ())
    panels = {key: _lines(runs, key) for key in dict.fromkeys(args.key)}
    draw_curves(args.out, panels, args.title)
    print(f"written to {args.out}")


def _chosen(runs: Sequence[Any], only: Sequence[tuple[str, str]]) -> list[Any]:
    """Those that have one of the values of each axis that is named."""
    if not runs:
        raise UserError("no finished run to draw")
    wanted: dict[str, set[str]] = {}
    for axis, name in only:
        wanted.setdefault(axis, set()).add(name)
        known = {run.axes[axis] for run in runs if axis in run.axes}
        if name not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "there is no such axis"
            raise UserError(f"--only: no finished run with {axis}={name}; {there}")
    found = [
        run for run in runs if all(run.axes.get(axis) in names for axis, names in wanted.items())
    ]
    if not found:
        raise UserError("--only: no finished run has all of these values")
    return found


def _lines(runs: Sequence[Any], key: str) -> dict[str, list[Any]]:
    """By name, the curves of its seeds."""
    from _sweep.statistics import SEED

    from dmmix.visualization import Curve

    without = [{axis: name for axis, name in run.axes.items() if axis != SEED} for run in runs]
    vary = [axis for axis in without[0] if len({axes.get(axis) for axes in without}) > 1]
    lines: dict[str, list[Any]] = {}
    for run, axes in zip(runs, without, strict=True):
        curve = run.val.get(key) or run.train.get(key)
        if not curve:
            known = ", ".join(sorted({*run.val, *run.train})) or "nothing"
            raise UserError(f"--key: no {key} was logged in {run.folder} ({known} was)")
        name = " ".join(axes.get(axis, "-") for axis in vary) or run.about.get("sweep") or "run"
        same = lines.setdefault(name, [])
        same.append(Curve(*zip(*curve, strict=True)))
        if same[-1].epochs != same[0].epochs:
            raise UserError(f"{run.folder}: {key} at other epochs than in the seeds beside it")
    return lines


if __name__ == "__main__":
    main()
