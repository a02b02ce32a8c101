"""``dmmix train --dry-run`` of each cell; nothing is left behind."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from dmmix.experiments.grid.cell import Cell
from dmmix.experiments.launch.local import environments
from dmmix.experiments.store.files import write_text

__all__ = ["dry_run"]


def dry_run(cells: Sequence[Cell], jobs: int = 1) -> bool:
    """Prints a line for each cell. Whether all of them built and trained a step."""
    environment = environments(jobs)[0]

    def run(cell: Cell) -> tuple[Cell, subprocess.CompletedProcess]:
        with tempfile.TemporaryDirectory() as scratch:
            elsewhere = replace(cell, folder=Path(scratch) / cell.name)
            elsewhere.folder.mkdir()
            write_text(elsewhere.config, elsewhere.text())
            done = subprocess.run(
                [*elsewhere.command(), "--dry-run"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment,
                encoding="utf-8",
            )
            return cell, done

    failed = 0
    pool = ThreadPoolExecutor(jobs)
    try:
        for number, (cell, done) in enumerate(pool.map(run, cells), start=1):
            lines = done.stdout.splitlines()
            said = [line for line in lines if line.startswith("dry run:")]
            failed += done.returncode != 0
            print(f"{number}/{len(cells)} {cell.name}: ", end="")
            if done.returncode == 0:
                print("".join(said[-1:]).removeprefix("dry run: "), flush=True)
            else:
                print(f"failed with status {done.returncode}", flush=True)
                print("\n".join(f"    {line}" for line in lines[-15:]), flush=True)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    print(f"{len(cells) - failed} of {len(cells)} cells build and train a few steps")
    return not failed
