"""One table of many runs: dmmix report WORK_DIRS.

Runs that differ only in their seed are a line: mean, standard deviation, and how much they differ
from the baseline, seed by seed, with a 95 % interval. Reads the folders of dmmix sweep and those
of dmmix train.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmmix.cli.options import add_pairs, runs_options
from dmmix.cli.output import quiet_pipe
from dmmix.cli.running import reported_errors
from dmmix.configuration.errors import UserError

if TYPE_CHECKING:
    from dmmix.experiments.report.statistics import Group
    from dmmix.experiments.store.run import Run


def main() -> None:
    args = _parser().parse_args()
    with reported_errors(args.traceback), quiet_pipe():
        _summarize(args)


def _parser() -> argparse.ArgumentParser:
    parser = runs_options("One table of many runs, grouped over seeds")
    help = "what to compare with, such as objective=mce; default: what the sweep file says"
    add_pairs(parser, "--baseline", "AXIS=VALUE", help=help)
    parser.add_argument(
        "--metric",
        help="median10, best or last; default: what the sweep file says, or median10",
    )
    parser.add_argument("--key", help="what is measured; default: accuracy/top1")
    parser.add_argument("--format", choices=["md", "csv", "json"], help="default: of --out, or md")
    parser.add_argument("--out", type=Path, help="write the table into this file")
    return parser


def _summarize(args: Any) -> None:
    from dmmix.experiments.report.formats import FORMATS
    from dmmix.experiments.report.statistics import groups_of
    from dmmix.experiments.store.metric import METRICS, check_metric
    from dmmix.experiments.store.run import runs_under

    kind = args.format or (args.out and args.out.suffix[1:]) or "md"
    if kind not in FORMATS:
        raise UserError(f"--out must end in .md, .csv or .json without --format, got {args.out}")
    if args.out and args.out.is_dir():
        raise UserError(f"--out must be a file, {args.out} is a folder")
    axes = [axis for axis, _ in args.baseline or ()]
    if twice := [axis for axis in axes if axes.count(axis) > 1]:
        raise UserError(f"--baseline: {twice[0]} must be one value")
    if args.metric:
        check_metric(args.metric)
    runs = runs_under(args.work_dirs)
    metric = args.metric or _common(runs, "metric") or "median10"
    key = args.key or _common(runs, "key") or "accuracy/top1"
    finished = [run for run in runs if run.finished]
    baseline = dict(args.baseline or _common(runs, "baseline") or {})
    if not args.baseline and not all(_has(finished, *item) for item in baseline.items()):
        baseline = {}  # the sweep's own, of which nothing is finished yet
    groups = groups_of(finished, key, metric, baseline)
    notes = _notes(runs, groups, key, metric)
    if not groups:
        raise UserError("\n".join(["no finished run has a value to show", *notes]))
    text = FORMATS[kind](groups)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text, encoding="utf-8")
        print(f"written to {args.out}")
    else:
        print(text, end="")
    compared = " Differences are to " + _shown(baseline) + "." if baseline else ""
    # Beside the table, so that a CSV or JSON on standard output stays one.
    about = [f"{key}, {METRICS[metric]}.{compared}", *_comparisons(groups)]
    print(*about, *notes, sep="\n", file=sys.stderr)


def _comparisons(groups: Sequence[Any]) -> list[str]:
    """How many differences were tested, and of how many something is left."""
    from dmmix.experiments.report.comparisons import LEVEL

    tested = [group.difference for group in groups if group.p is not None]
    if len(tested) < 2:
        return []
    alone = sum(one.p < LEVEL for one in tested)
    left = sum(one.p_holm < LEVEL for one in tested)
    return [
        f"{len(tested)} comparisons: {alone} with p < {LEVEL} when each stands alone, {left} "
        "corrected for their number (Holm). The intervals are not corrected."
    ]


def _has(runs: Sequence[Run], axis: str, name: str) -> bool:
    return any(run.axes.get(axis) == name for run in runs)


def _common(runs: Sequence[Run], name: str) -> Any:
    """What all sweeps say, if they say the same."""
    said = [run.about.get(name) for run in runs if run.about.get("sweep")]
    return said[0] if said and all(value == said[0] for value in said) else None


def _notes(runs: Sequence[Run], groups: Sequence[Group], key: str, metric: str) -> list[str]:
    """What the table leaves out, and why."""
    notes = []
    for run in runs:
        if not run.finished:
            at = f"{run.logged.step} of {run.about.get('steps') or 'an unknown number'}"
            notes.append(f"not finished, left out: {run.folder} (at {at})")
        elif not (curve := run.curve(key)):
            known = ", ".join(sorted({*run.val, *run.train})) or "nothing"
            notes.append(f"no {key} was logged, left out: {run.folder} ({known} was)")
        elif metric == "median10":
            expected = min(10, run.about.get("steps") or 10)
            seen = sum(step > curve[-1][0] - 10 for step, _ in curve)
            if seen < expected:
                notes.append(f"{run.folder}: only {seen} of the last 10 epochs were evaluated")
    for group in groups:
        if group.unpaired:
            seeds = ", ".join(seed or "none" for seed in group.unpaired)
            notes.append(
                f"{_shown(group.axes)}: seeds without a pair, not in the difference: {seeds}"
            )
    return notes


def _shown(axes: dict[str, str]) -> str:
    return " ".join(f"{axis}={name}" for axis, name in axes.items())
