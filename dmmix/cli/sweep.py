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
from typing import Any

from dmmix.cli.options import add_pairs, key_and_value, parser_of
from dmmix.cli.pipe import quiet_pipe
from dmmix.cli.running import reported_errors
from dmmix.configuration.errors import UserError


def main() -> None:
    args = _parser().parse_args()
    try:
        with reported_errors(args.traceback), quiet_pipe():
            done = _run(args)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on with it", file=sys.stderr)
        sys.exit(130)
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
        "--slurm",
        nargs="*",
        type=key_and_value,
        metavar="KEY=VALUE",
        help="submit a job array: partition=gpu gpus_per_node=1 timeout_min=600",
    )
    return parser


def _run(args: Any) -> bool:
    """Whether all is as it was asked for."""
    from dmmix.experiments.grid.cell import cells_of
    from dmmix.experiments.grid.sweep_file import read_sweep

    for name in ("jobs", "processes"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name} must be at least 1, got {getattr(args, name)}")
    sweep = read_sweep(args.sweep)
    only: dict[str, list[str]] = {}
    for axis, value in args.only or ():
        only.setdefault(axis, []).append(value)
    cells = cells_of(sweep, args.work_dir, only)
    if args.list:
        _list(sweep, cells, args)
        return True
    if args.prepare:
        return _prepare(cells, args)
    if args.dry_run:
        from dmmix.experiments.launch.dry_run import dry_run

        return dry_run(cells, args.jobs)
    if args.slurm is not None:
        return _submit(cells, args)
    return _train(cells, args)


def _list(sweep: Any, cells: list[Any], args: Any) -> None:
    from dmmix.experiments.store.state import state_of

    states = [state_of(cell, args.accept_changed) for cell in cells]
    width = max(len(cell.name) for cell in cells)
    for cell, state in zip(cells, states, strict=True):
        print(f"{cell.name:{width}}  {state.word:11}  {cell.shown_command(args.processes)}")
        if state.note:
            print(f"{'':{width}}  ({state.note})")
    counts = Counter(state.word for state in states)
    print(f"{len(cells)} cells: {', '.join(f'{n} {word}' for word, n in counts.items())}")
    names = ", ".join(sweep.published.without_cell())
    if names:
        print(f"published numbers without a cell, since dmmix does not have the mix: {names}")
    if sweep.published.note:
        print(f"of the published numbers: {sweep.published.note}")


def _submit(cells: list[Any], args: Any) -> bool:
    from dmmix.experiments.launch.slurm import submit

    options = dict(args.slurm)
    if args.jobs > 1:
        options.setdefault("array_parallelism", str(args.jobs))
    jobs = submit(cells, options, args.processes, args.accept_changed)
    for cell, job in jobs.items():
        print(f"job {job.job_id}: {cell.name}")
    print(f"{len(jobs)} of {len(cells)} cells submitted; --list shows how far they are")
    if options.get("cluster") == "debug":  # they run when they are asked for
        return all(not job.exception() for job in jobs.values())
    return True


def _prepare(cells: list[Any], args: Any) -> bool:
    """Writes what the printed commands read; cells that somebody has begun stay as they are."""
    from dmmix.experiments.launch.training import prepare
    from dmmix.experiments.store.state import state_of

    new = [cell for cell in cells if state_of(cell, args.accept_changed).word == "waiting"]
    for cell in new:
        prepare(cell)
    print(f"{len(new)} of {len(cells)} cells written to {cells[0].folder.parent}")
    return True


def _train(cells: list[Any], args: Any) -> bool:
    from dmmix.experiments.launch.local import cores, environments, run_local
    from dmmix.experiments.launch.show import make_show

    # What Slurm and submitit send when a job has to go.
    for name in ("SIGTERM", "SIGUSR2"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _as_interrupt)
    threads = environments(args.jobs)[0]["OMP_NUM_THREADS"]
    show = make_show()
    source = " as OMP_NUM_THREADS says" if "OMP_NUM_THREADS" in os.environ else ""
    show.say(
        f"{len(cells)} cells in {cells[0].folder.parent}, {args.jobs} at a time; {cores()} cores, "
        f"{threads} threads each{source}"
    )
    with show:
        return run_local(cells, show, args.jobs, args.processes, args.accept_changed)


def _as_interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
