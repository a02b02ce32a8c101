"""What a step of the semi-supervised methods costs, and what part of it is the network.

Whole steps (batch, views, forward and backward passes, losses, update) of each method take turns
with the network alone: its forward and backward passes over as many images in as many passes, and
nothing else. Medians over rounds, and their ratios.

    python tools/benchmarks/semi_step.py --row cifar --out semi_step.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _timing import environment, interleaved, medians
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from rich.console import Console
from rich.progress import track
from rich.table import Table

from dmmix.engine import DmmixRunner, StepOptions
from dmmix.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "semi"
ROWS = {"digits": "quickstart/digits_fixmatch_40", "cifar": "cifar10/fixmatch"}
_MIXUP = dict(type="Mixup", alpha=0.2)
METHODS: dict[str, dict] = {
    "Supervised": dict(type="Supervised"),
    "FixMatch": dict(type="FixMatch"),
    "FixMatch + Mixup": dict(
        type="FixMatch",
        stream_mix=dict(mixup=_MIXUP, loss=dict(type="MixupCrossEntropyLoss")),
    ),
    "FixMatch + DM": dict(type="FixMatch", stream_mix=dict(mixup=_MIXUP)),
    "FlexMatch": dict(type="FlexMatch"),
    "MixMatch": dict(type="MixMatch"),
    "MixMatch + DM": dict(type="MixMatch", stream_mix=dict(mixup=_MIXUP)),
}
BASELINE = "FixMatch + Mixup"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--row", choices=ROWS, default="digits")
    parser.add_argument("--batch-size", type=int, help="labelled images; default: the recipe's")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    args = parser.parse_args()
    for name in ("batch_size", "rounds", "threads"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    torch.set_num_threads(args.threads)
    MMLogger.get_instance("semi_step", log_level="WARNING")  # one line a weight otherwise

    steps: dict[str, Callable[[], Any]] = {}
    for name in args.methods:
        stepper = Stepper(ROWS[args.row], METHODS[name], args.batch_size, args.device)
        steps[name], steps[_alone(name)] = stepper.step, stepper.network_alone
    # Processor time: what else a CPU does meanwhile does not count.
    clock = time.process_time if args.device == "cpu" else time.perf_counter
    rounds = interleaved(steps, args.rounds, args.device, clock)
    found = medians(list(track(rounds, total=args.rounds, description="rounds")))
    result = {
        name: dict(
            milliseconds=found[name] * 1e3,
            to_baseline=found[name] / found[BASELINE] if BASELINE in found else None,
            network=found[_alone(name)] / found[name],
        )
        for name in args.methods
    }
    Console().print(_table(result, args))
    if args.out:
        about = environment(args.device)
        args.out.write_text(json.dumps(dict(vars(args), out=None, about=about, rows=result)))


class Stepper:
    """A method of a recipe, ready to take steps."""

    def __init__(self, recipe: str, method: dict, batch_size: int | None, device: str) -> None:
        cfg = Config.fromfile(CONFIGS / f"{recipe}.py")
        cfg.model.pop("type")
        cfg.model.update(method)
        if batch_size:
            cfg.train_dataloader.batch_size = batch_size
        if "cifar" in recipe:
            _without_files(cfg)
        options = StepOptions.from_cfg(cfg)
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope("dmmix"):
            self.model = MODELS.build(dict(cfg.model, data_preprocessor=cfg.data_preprocessor))
            options.prepare(self.model)
            self.model.init_weights()
            self.model.to(device).train()
            loader = DmmixRunner.build_dataloader(cfg.train_dataloader, seed=0)
            optimizer = options.optim_wrapper(dict(cfg.optim_wrapper, type="OptimWrapper"))
            self.optim = build_optim_wrapper(self.model, optimizer)
        self.model.see_dataset(loader.dataset)
        if hasattr(self.model, "start_training"):
            self.model.start_training()
        self.batches = iter(_endless(loader))
        self._passes = self._watch_passes()

    def step(self) -> None:
        """One update of the weights."""
        self.model.train_step(next(self.batches), self.optim)

    def network_alone(self) -> None:
        """The passes of a step, each with its backward pass where the step has one."""
        for images, learns in self._passes:
            with torch.set_grad_enabled(learns):
                logits = self.model.head(self.model.extract_feat(images))
            if learns:
                logits.sum().backward()
        self.model.zero_grad(set_to_none=True)

    def _watch_passes(self) -> list[tuple[torch.Tensor, bool]]:
        """The images of each pass of a step, and whether it has a gradient."""
        seen, extract = [], self.model.extract_feat

        def watched(images: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            seen.append((images.detach().clone(), torch.is_grad_enabled()))
            return extract(images, *args, **kwargs)

        self.model.extract_feat = watched
        self.step()
        del self.model.extract_feat
        return seen


def _without_files(cfg: Config) -> None:
    """Noise in the place of the images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4000, 32, 32, 3), dtype=np.uint8)
    folder = Path("work_dirs") / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "noise.npz"
    labels = np.arange(4000) % 10
    np.savez(file, x_train=images, y_train=labels, x_test=images[:10], y_test=labels[:10])
    cfg.train_dataloader.dataset.dataset.dataset = dict(
        type="NPZDataset", data_file=str(file), split="train"
    )


def _endless(loader: Any) -> Any:
    while True:
        yield from loader


def _alone(name: str) -> str:
    return f"{name}, network alone"


def _table(result: dict[str, dict], args: argparse.Namespace) -> Table:
    table = Table(title=f"{args.row}, {args.device}, {args.threads} thread(s)")
    table.add_column("method")
    for title in ("ms a step", f"to {BASELINE}", "network alone"):
        table.add_column(title, justify="right")
    for name, row in result.items():
        ratio = "" if row["to_baseline"] is None else f"{row['to_baseline']:.2f}"
        table.add_row(name, f"{row['milliseconds']:.1f}", ratio, f"{100 * row['network']:.0f} %")
    return table


if __name__ == "__main__":
    main()
