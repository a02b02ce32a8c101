"""The first run: vanilla, CutMix and CutMix with DM(CE) on scikit-learn's digits.

Trains each with three seeds as the cells of a sweep, two at a time, then prints a table and draws
two pictures. ``make quickstart`` runs it in a fresh environment.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from dmmix.cli.options import parser_of
from dmmix.cli.running import reported_errors, stoppable
from dmmix.cli.sweep import train
from dmmix.configuration.errors import UserError

if TYPE_CHECKING:
    from dmmix.experiments.launch.plan import Plan
    from dmmix.experiments.store.run import Run

METHODS = {
    "vanilla": "digits_vanilla",
    "CutMix, mixup loss": "digits_cutmix_mce",
    "CutMix, DM(CE)": "digits_cutmix_dm",
}
#: By what the table calls it, what is logged.
QUANTITIES = {"clean top-1": "accuracy/top1", "mixed top-2": "mixed/top2"}


def main() -> None:
    parser = parser_of(__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("work_dirs/quickstart"))
    parser.add_argument("--seeds", type=int, default=3, help="runs of each method")
    parser.add_argument("--epochs", type=int, default=100, help="of each run")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    args = parser.parse_args()
    for name in ("seeds", "epochs", "jobs"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(args, name)}")
    with reported_errors(args.traceback), stoppable():
        _run(args)


def _run(args: argparse.Namespace) -> None:
    started = time.monotonic()
    plan = plan_of(args.out, args.seeds, args.epochs, args.jobs)
    if not train(plan):
        sys.exit(1)
    runs = {
        method: [run.again() for run in plan.runs if run.cell.point["recipe"] == recipe]
        for method, recipe in METHODS.items()
    }
    for run in (run for several in runs.values() for run in several if not run.finished):
        raise UserError(f"{run.folder} is {run.state.word} ({run.state.note}); try again later")
    results = {method: [final(run) for run in several] for method, several in runs.items()}
    console = Console()
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
        f"{len(plan.runs)} runs in {time.monotonic() - started:.0f} s. Look at\n"
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


def plan_of(out: Path, seeds: int, epochs: int, jobs: int) -> Plan:
    """A sweep over methods and seeds. Nets this small are slower on two threads than on one."""
    from dmmix.experiments.grid.cell import cells_of
    from dmmix.experiments.grid.sweep_file import Sweep
    from dmmix.experiments.launch.plan import CellRun, Plan

    sweep = Sweep(
        path=Path("quickstart"),
        about="",
        recipes={recipe: f"quickstart/{recipe}.py" for recipe in METHODS.values()},
        axes=dict(
            recipe={recipe: recipe for recipe in METHODS.values()},
            seed={str(seed): seed for seed in range(seeds)},
            epochs={str(epochs): epochs},
        ),
        metric="last",
    )
    return Plan([CellRun(cell) for cell in cells_of(sweep, out)], jobs, threads=1)


def final(run: Run) -> dict[str, float]:
    """Clean top-1 and mixed top-2 after the last epoch, in percent."""
    return {quantity: run.val[key][-1][1] for quantity, key in QUANTITIES.items()}


def results_table(results: dict[str, list[dict[str, float]]], epochs: int) -> Table:
    """Mean and deviation over the seeds."""
    table = Table(title=f"digits, 10 labels a class, {epochs} epochs", title_justify="left")
    table.add_column("training")
    for quantity in QUANTITIES:
        table.add_column(f"{quantity}, %", justify="right")
    for method, runs in results.items():
        cells = [spread([run[quantity] for run in runs]) for quantity in QUANTITIES]
        table.add_row(method, *cells)
    return table


def spread(values: list[float]) -> str:
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def draw(out: Path, runs: Mapping[str, Sequence[Run]]) -> tuple[Path, Path]:
    """gallery.png and curves.png."""
    from dmmix.visualization import Curve, draw_curves

    gallery, curves = out / "gallery.png", out / "curves.png"
    draw_gallery_of_digits(gallery)
    keys = {
        "clean top-1, %": "accuracy/top1",
        "mixup cross entropy in training": "loss_mixup",
    }
    panels = {
        quantity: {
            method: [Curve(*zip(*(run.curve(key) or ()), strict=True)) for run in several]
            for method, several in runs.items()
        }
        for quantity, key in keys.items()
    }
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
