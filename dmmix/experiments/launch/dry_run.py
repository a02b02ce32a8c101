"""``dmmix train --dry-run`` of each cell; nothing is left behind."""

from __future__ import annotations

import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from dmmix.experiments.launch.plan import CellRun, Plan


def dry_run(plan: Plan) -> bool:
    """Prints a line for each cell. Whether all of them built and trained a step."""
    environment, number_of_runs, failed = plan.environments[0], len(plan.runs), 0

    def start(run: CellRun) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory() as scratch:
            elsewhere = CellRun(replace(run.cell, folder=Path(scratch) / run.name))
            elsewhere.folder.mkdir()
            elsewhere.write_config()
            return subprocess.run(
                [*elsewhere.cell.command(), "--dry-run"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment,
                encoding="utf-8",
            )

    pool = ThreadPoolExecutor(plan.jobs)
    try:
        done_in_order = zip(plan.runs, pool.map(start, plan.runs), strict=True)
        for number, (run, done) in enumerate(done_in_order, start=1):
            lines = done.stdout.splitlines()
            said = [line for line in lines if line.startswith("dry run:")]
            failed += done.returncode != 0
            print(f"{number}/{number_of_runs} {run.name}: ", end="")
            if done.returncode == 0:
                print("".join(said[-1:]).removeprefix("dry run: "), flush=True)
            else:
                print(f"failed with status {done.returncode}", flush=True)
                print("\n".join(f"    {line}" for line in lines[-15:]), flush=True)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    print(f"{number_of_runs - failed} of {number_of_runs} cells build and train a few steps")
    return not failed
