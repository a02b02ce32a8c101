"""The first run: vanilla, CutMix and CutMix with DM(CE) on scikit-learn's digits.

Trains each through dmmix train with three seeds, two runs at a time, then prints a table and
draws two pictures. ``make quickstart`` runs it in a fresh environment.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from dmmix.configuration.shipped import CONFIGS
from dmmix.experiments.launch.environment import environment_of_child
from dmmix.experiments.launch.training import last_lines

METHODS = {
    "vanilla": "digits_vanilla",
    "CutMix, mixup loss": "digits_cutmix_mce",
    "CutMix, DM(CE)": "digits_cutmix_dm",
}
CLEAN, MIXED = "accuracy/top1", "mixed/top2"


class Run(NamedTuple):
    """One training: a method and a seed."""

    method: str
    seed: int
    folder: Path

    @property
    def config(self) -> Path:
        return CONFIGS / "quickstart" / f"{METHODS[self.method]}.py"

    def records(self) -> list[dict]:
        """What the run logged so far; of the latest start, if it was started several times."""
        files = sorted(self.folder.glob("*/vis_data/scalars.json"))
        if not files:
            return []
        lines = files[-1].read_text(encoding="utf-8").split("\n")
        try:
            return [json.loads(line) for line in lines[:-1]]  # the last one may be half written
        except ValueError as error:
            sys.exit(f"{files[-1]} is not as the run wrote it: {error}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("work_dirs/quickstart"))
    parser.add_argument("--seeds", type=int, default=3, help="runs of each method")
    parser.add_argument("--epochs", type=int, default=100, help="of each run")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    args = parser.parse_args()
    for name in ("seeds", "epochs", "jobs"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(args, name)}")

    console = Console()
    started = time.monotonic()
    runs = [
        Run(method, seed, args.out / METHODS[method] / f"seed{seed}")
        for seed in range(args.seeds)
        for method in METHODS
    ]
    train_all(runs, args.epochs, args.jobs, console)
    results = {method: [final(run) for run in runs if run.method == method] for method in METHODS}

    console.print(results_table(results, args.epochs))
    console.print(
        "Test images, mean ± standard deviation over the seeds. mixed top-2: for test images\n"
        "mixed by CutMix, how often the two highest predictions are the two classes.",
        soft_wrap=True,
        highlight=False,
    )
    gallery, curves = draw(args.out, runs)
    (args.out / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    console.print(
        f"{len(runs)} runs in {time.monotonic() - started:.0f} s. Look at\n"
        f"  {gallery}   mixed samples under their two labels\n"
        f"  {curves}    accuracy and loss while training\n"
        "Next:\n"
        f"  another alpha  {interpreter()} -m dmmix train quickstart/digits_cutmix_dm "
        "--cfg-options model.mixup.alpha=1.0\n"
        "  your network   docs/getting_started.md: two lines in an mmpretrain config\n"
        "  plain PyTorch  docs/plain_pytorch.md\n"
        "  all tests      make test",
        soft_wrap=True,
        highlight=False,
    )


def interpreter() -> str:
    """This Python, as it is typed here."""
    path = Path(sys.executable)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def train_all(runs: list[Run], epochs: int, jobs: int, console: Console) -> None:
    """Runs them ``jobs`` at a time, one thread each, with progress."""
    waiting = list(runs)
    active: dict[Run, subprocess.Popen] = {}
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("training", total=len(runs) * epochs)
        finished = 0
        try:
            while waiting or active:
                while waiting and len(active) < jobs:
                    run = waiting.pop(0)
                    active[run] = start(run, epochs)
                for run, process in list(active.items()):
                    if process.poll() is None:
                        continue
                    del active[run]
                    if process.returncode:
                        raise SystemExit(failure(run, process.returncode))
                    finished += 1
                    line = ", ".join(f"{k} {v:.1f}" for k, v in final(run).items())
                    progress.console.print(f"  {run.method}, seed {run.seed}: {line}")
                done = finished * epochs + sum(epoch_of(run) for run in active)
                progress.update(bar, completed=done)
                time.sleep(0.3)
        finally:
            for process in active.values():
                process.terminate()


def start(run: Run, epochs: int) -> subprocess.Popen:
    """Starts dmmix train; its output goes to train.log in the run's folder."""
    run.folder.mkdir(parents=True, exist_ok=True)
    command = [
        *[sys.executable, "-m", "dmmix", "train", str(run.config)],
        *["--work-dir", str(run.folder), "--overwrite", "--seed", str(run.seed)],
        *["--cfg-options", f"train_cfg.max_epochs={epochs}", f"param_scheduler.T_max={epochs}"],
    ]
    # Nets this small are slower on two threads than on one.
    environment = environment_of_child(os.environ)
    environment.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    with (run.folder / "train.log").open("w", encoding="utf-8") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)


def failure(run: Run, code: int) -> str:
    """What to say when a training failed: its last lines and where the rest is."""
    log = run.folder / "train.log"
    tail = "\n".join(last_lines(log))
    return f"{tail}\n\n{run.method}, seed {run.seed} failed with status {code}; all of it: {log}"


def epoch_of(run: Run) -> int:
    """The epoch that a run is in."""
    epochs = [record["epoch"] for record in run.records() if "epoch" in record]
    return max(epochs, default=0)


def final(run: Run) -> dict[str, float]:
    """Clean top-1 and mixed top-2 after the last epoch, in percent."""
    last = [record for record in run.records() if MIXED in record and CLEAN in record][-1]
    return {"clean top-1": last[CLEAN], "mixed top-2": last[MIXED]}


def results_table(results: dict[str, list[dict[str, float]]], epochs: int) -> Table:
    """Mean and deviation over the seeds."""
    table = Table(title=f"digits, 10 labels a class, {epochs} epochs", title_justify="left")
    table.add_column("training")
    for quantity in ("clean top-1", "mixed top-2"):
        table.add_column(f"{quantity}, %", justify="right")
    for method, runs in results.items():
        cells = [spread([run[q] for run in runs]) for q in ("clean top-1", "mixed top-2")]
        table.add_row(method, *cells)
    return table


def spread(values: list[float]) -> str:
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def draw(out: Path, runs: list[Run]) -> tuple[Path, Path]:
    """gallery.png and curves.png."""
    from dmmix.visualization import Curve, draw_curves

    gallery, curves = out / "gallery.png", out / "curves.png"
    draw_gallery_of_digits(gallery)
    # By quantity, its name in the log and what holds the epoch there.
    quantities = {
        "clean top-1, %": (CLEAN, "step"),
        "mixup cross entropy in training": ("loss_mixup", "epoch"),
    }
    panels: dict[str, dict[str, list]] = {quantity: {} for quantity in quantities}
    for run in runs:
        for quantity, (key, at) in quantities.items():
            values = {record[at]: record[key] for record in run.records() if key in record}
            curve = Curve(list(values), list(values.values()))
            panels[quantity].setdefault(run.method, []).append(curve)
    draw_curves(curves, panels, "digits, 10 labels a class")
    return gallery, curves


def draw_gallery_of_digits(path: Path) -> None:
    import torch

    # What the stack has to say while it is imported stands in each run's train.log already.
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dmmix.datasets import Digits
        from dmmix.mixups import CutMix, Mixup
    from dmmix.visualization import draw_gallery

    digits = Digits(split="train", labels_per_class=10)
    chosen = range(0, 100, 9)
    images = torch.stack(
        [torch.from_numpy(digits[i]["img"]).permute(2, 0, 1).float() / 255 for i in chosen]
    )
    labels = torch.tensor([int(digits[i]["gt_label"]) for i in chosen])
    rows = [
        (name, mix.mix(images, labels, torch.Generator().manual_seed(2)))
        for name, mix in (
            ("CutMix", CutMix(alpha=1.0, fixed_points=False)),
            ("Mixup", Mixup(alpha=1.0, fixed_points=False)),
        )
    ]
    names = digits.metainfo["classes"]
    draw_gallery(path, images, rows, names, "What the network is shown, and the label it is given")
