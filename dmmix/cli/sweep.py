"""Trains a grid of configs: dmmix sweep sweeps/NAME.

Each cell is a run of dmmix train in a folder of its own. Cells that are finished are skipped and
those that were broken off go on from their last checkpoint, so the same command both starts a sweep
and goes on with it. docs/sweeps.md has all of it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmmix.cli.options import add_pairs, by_key, key_and_value, parser_of
from dmmix.cli.output import quiet_pipe
from dmmix.cli.running import reported_errors, stoppable

if TYPE_CHECKING:
    from dmmix.experiments.launch.plan import Plan


def main() -> None:
    args = _parser().parse_args()
    with reported_errors(args.traceback), quiet_pipe(), stoppable():
        done = _run(args)
    sys.exit(0 if done else 1)


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("Train a grid of configs; finished cells are skipped, broken ones resumed")
    parser.add_argument("sweep", help="sweep file, such as configs/sweeps/quickstart_digits.py")
    parser.add_argument("--work-dir", type=Path, help="default: work_dirs/ and the file's name")
    add_pairs(parser, "--only", "AXIS=VALUE", help="some cells: mixup=cutmix seed=0 seed=1")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="cells at a time")
    parser.add_argument(
        "--processes",
        type=int,
        default=1,
        metavar="N",
        help="processes of each cell, one a GPU, started by torchrun",
    )
    parser.add_argument("--list", action="store_true", help="print cells, states and commands")
    parser.add_argument(
        "--prepare", action="store_true", help="write the config of each cell, then stop"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="a few steps of each cell, then stop"
    )
    parser.add_argument(
        "--accept-changed",
        action="store_true",
        help="take cells that were trained with another config as they are",
    )
    parser.add_argument(
        "--small-checkpoints",
        action="store_true",
        help="keep no optimiser state in the checkpoints of finished cells: half the size, to test "
        "and predict with, not to train longer",
    )
    parser.add_argument(
        "--slurm",
        nargs="*",
        type=key_and_value,
        metavar="KEY=VALUE",
        help="submit a job array: partition=gpu gpus_per_node=1 timeout_min=600",
    )
    return parser


def _run(args: argparse.Namespace) -> bool:
    """Whether all is as it was asked for."""
    from dmmix.experiments.grid.cell import cells_of
    from dmmix.experiments.grid.sweep_file import read_sweep
    from dmmix.experiments.launch.plan import CellRun, Plan

    cells = cells_of(read_sweep(args.sweep), args.work_dir, by_key(args.only))
    runs = [CellRun(cell, args.accept_changed) for cell in cells]
    plan = Plan(runs, args.jobs, args.processes, small_checkpoints=args.small_checkpoints)
    if args.list:
        return _list(plan)
    if args.prepare:
        return _prepare(plan)
    if args.dry_run:
        from dmmix.experiments.launch.dry_run import dry_run

        return dry_run(plan)
    return train(plan) if args.slurm is None else _submit(plan, dict(args.slurm))


def _list(plan: Plan) -> bool:
    width = max(len(run.name) for run in plan.runs)
    for run in plan.runs:
        command = run.cell.shown_command(plan.processes)
        print(f"{run.name:{width}}  {run.state.word:11}  {command}")
        if run.state.note:
            print(f"{'':{width}}  ({run.state.note})")
    counts = Counter(run.state.word for run in plan.runs)
    print(f"{len(plan.runs)} cells: {', '.join(f'{n} {word}' for word, n in counts.items())}")
    if names := ", ".join(plan.sweep.published.without_cell()):
        print(f"published numbers without a cell, since dmmix does not have the mix: {names}")
    if plan.sweep.published.note:
        print(f"of the published numbers: {plan.sweep.published.note}")
    return True


def _submit(plan: Plan, options: dict[str, str]) -> bool:
    from dmmix.experiments.launch.slurm import submit

    jobs = submit(plan, options)
    for run, job in jobs.items():
        print(f"job {job.job_id}: {run.name}")
    print(f"{len(jobs)} of {len(plan.runs)} cells submitted; --list shows how far they are")
    # Those of the debug cluster run when they are asked for.
    return options.get("cluster") != "debug" or all(not job.exception() for job in jobs.values())


def _prepare(plan: Plan) -> bool:
    """Writes what the printed commands read; cells that somebody has begun stay as they are."""
    new = plan.in_state("waiting")
    for run in new:
        run.prepare()
    print(f"{len(new)} of {len(plan.runs)} cells written to {plan.folder}")
    return True


def train(plan: Plan) -> bool:
    """Trains what is not finished; Ctrl-C, and what Slurm sends, end it in order."""
    from dmmix.experiments.launch.environment import cores
    from dmmix.experiments.launch.local import run_local
    from dmmix.experiments.launch.show import make_show

    # What Slurm and submitit send when a job has to go.
    for name in ("SIGTERM", "SIGUSR2"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _as_interrupt)
    threads = plan.environments[0]["OMP_NUM_THREADS"]
    show = make_show()
    given = "OMP_NUM_THREADS" in os.environ and plan.threads is None
    source = " as OMP_NUM_THREADS says" if given else ""
    show.say(
        f"{len(plan.runs)} cells in {plan.folder}, {plan.jobs} at a time; {cores()} cores, "
        f"{threads} threads each{source}"
    )
    with show:
        return run_local(plan, show)


def _as_interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
