"""How runs got there: dmmix curves WORK_DIRS --out curves.png.

A line for runs that differ only in their seed: the mean over them, with a band from the lowest to
the highest, against the epoch. Reads what dmmix report reads.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmmix.cli.options import add_pairs, by_key, runs_options
from dmmix.cli.running import reported_errors
from dmmix.configuration.errors import UserError

if TYPE_CHECKING:
    from dmmix.experiments.store.run import Run
    from dmmix.visualization import Curve

ENDINGS = (".png", ".svg", ".pdf")


def main() -> None:
    args = _parser().parse_args()
    with reported_errors(args.traceback):
        _plot(args)


def _parser() -> argparse.ArgumentParser:
    parser = runs_options("Curves of many runs, grouped over seeds")
    parser.add_argument("--out", type=Path, required=True, help="picture to write (.png, .svg)")
    help = "some runs: method=fixmatch method=fixmatch_dm"
    add_pairs(parser, "--only", "AXIS=VALUE", help=help)
    parser.add_argument(
        "--key", nargs="+", default=["accuracy/top1"], help="a panel each; default: accuracy/top1"
    )
    parser.add_argument("--title", default="", help="line on top")
    return parser


def _plot(args: Any) -> None:
    from dmmix.experiments.store.run import runs_under
    from dmmix.visualization import draw_curves

    if args.out.suffix not in ENDINGS:
        raise UserError(f"--out must end in one of {', '.join(ENDINGS)}, got {args.out}")
    runs = runs_under(args.work_dirs)
    for run in runs:
        if not run.finished:
            print(f"not finished, left out: {run.folder}", file=sys.stderr)
    runs = _chosen([run for run in runs if run.finished], args.only or ())
    panels = {key: _lines(runs, key) for key in dict.fromkeys(args.key)}
    draw_curves(args.out, panels, args.title)
    print(f"written to {args.out}")


def _chosen(runs: Sequence[Run], only: Sequence[tuple[str, str]]) -> list[Run]:
    """Those that have one of the values of each axis that is named."""
    from dmmix.experiments.report.statistics import check_axes

    if not runs:
        raise UserError("no finished run to draw")
    check_axes("--only", only, runs)
    wanted = by_key(only).items()
    found = [run for run in runs if all(run.axes.get(axis) in names for axis, names in wanted)]
    if not found:
        raise UserError("--only: no finished run has all of these values")
    return found


def _lines(runs: Sequence[Run], key: str) -> dict[str, list[Curve]]:
    """By name, the curves of its seeds."""
    from dmmix.experiments.report.statistics import by_axes

    groups = by_axes(runs)
    axes = list(dict.fromkeys(axis for place in groups for axis, _ in place))
    vary = [axis for axis in axes if len({dict(place).get(axis) for place in groups}) > 1]
    lines: dict[str, list[Curve]] = {}
    for place, members in groups.items():
        named = [dict(place).get(axis, "-") for axis in vary]
        first = next(iter(members.values()))
        lines[" ".join(named) or first.about.get("sweep") or "run"] = _curves(members, key)
    return lines


def _curves(members: Mapping[str, Run], key: str) -> list[Curve]:
    """Of one line, those of its seeds."""
    from dmmix.visualization import Curve

    curves: list[Curve] = []
    for run in members.values():
        logged = run.curve(key)
        if not logged:
            known = ", ".join(sorted({*run.val, *run.train})) or "nothing"
            raise UserError(f"--key: no {key} was logged in {run.folder} ({known} was)")
        curves.append(Curve(*zip(*logged, strict=True)))
        if curves[-1].epochs != curves[0].epochs:
            raise UserError(f"{run.folder}: {key} at other epochs than in the seeds beside it")
    return curves
