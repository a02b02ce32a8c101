"""What a step of the semi-supervised methods costs, and what parts of it.

Whole steps of each method take turns with their parts alone: reading the batch, making its views,
the network (its forward and backward passes over as many images in as many passes, and nothing
else), the update of the weights. What is left is losses, mixes, and all else. Medians over rounds,
and their ratios.

    python tools/benchmarks/semi_step.py --row cifar --out semi_step.json
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from _report import count, parser, table, write_report
from _timing import interleaved, medians
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from rich.console import Console
from rich.progress import track

from dmmix.engine import DmmixRunner, StepOptions
from dmmix.models.semi.parts.teacher import Network
from dmmix.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "semi"
ROWS = {
    "digits": "quickstart/digits_fixmatch_40",
    "fashion_mnist": "fashion_mnist/fixmatch",
    "cifar": "cifar10/fixmatch",
}
NOISE = {"fashion_mnist": (28, 28), "cifar": (32, 32, 3)}  # images in the place of files
_MIXUP = dict(type="Mixup", alpha=0.2)
METHODS: dict[str, dict] = {
    "Supervised": dict(type="Supervised"),
    "Pseudo-Label": dict(type="PseudoLabel"),
    "Pi-model": dict(type="PiModel"),
    "Mean Teacher": dict(type="MeanTeacher"),
    "FixMatch": dict(type="FixMatch"),
    "FixMatch + Mixup": dict(
        type="FixMatch",
        stream_mix=dict(mixup=_MIXUP, loss=dict(type="MixupCrossEntropyLoss")),
    ),
    "FixMatch + DM": dict(type="FixMatch", stream_mix=dict(mixup=_MIXUP)),
    "FlexMatch": dict(type="FlexMatch"),
    "UDA": dict(type="UDA"),
    "MixMatch": dict(type="MixMatch"),
    "MixMatch + DM": dict(type="MixMatch", stream_mix=dict(mixup=_MIXUP)),
    "ReMixMatch": dict(type="ReMixMatch"),
}
BASELINE = "FixMatch + Mixup"
PARTS = ("batch", "views", "network", "update")


def main() -> None:
    options = parser(__doc__, rounds=15)
    options.add_argument("--row", choices=ROWS, default="digits")
    options.add_argument("--batch-size", type=count, help="labelled images; default: the recipe's")
    options.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    args = options.parse_args()
    torch.set_num_threads(args.threads)
    MMLogger.get_instance("semi_step", log_level="ERROR")  # one line a weight otherwise

    steps: dict[str, Callable[[], Any]] = {}
    for name in args.methods:
        stepper = Stepper(args.row, METHODS[name], args.batch_size, args.device)
        steps[name] = stepper.step
        steps |= {f"{name}, {part}": getattr(stepper, part) for part in PARTS}
    # Processor time: what else a CPU does meanwhile does not count.
    clock = time.process_time if args.device == "cpu" else time.perf_counter
    rounds = interleaved(steps, args.rounds, args.device, clock)
    found = medians(track(rounds, total=args.rounds, description="rounds"))
    result = {
        name: dict(
            milliseconds=found[name] * 1e3,
            to_baseline=found[name] / found[BASELINE] if BASELINE in found else None,
            parts={part: found[f"{name}, {part}"] / found[name] for part in PARTS},
        )
        for name in args.methods
    }
    Console().print(_table(result, args))
    if args.out:
        options = {name: value for name, value in vars(args).items() if name != "out"}
        write_report(args.out, {"options": options, "rows": result}, device=args.device)


class Stepper:
    """A method with the recipe of a row, ready to take steps."""

    def __init__(self, row: str, method: dict, batch_size: int | None, device: str) -> None:
        cfg = Config.fromfile(CONFIGS / f"{ROWS[row]}.py")
        cfg.model.pop("type")
        cfg.model.update(method)
        if batch_size:
            cfg.train_dataloader.batch_size = batch_size
        if row in NOISE:
            _without_files(cfg, NOISE[row])
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
            self._copy = copy.deepcopy(self.model)
            self._copy_optim = build_optim_wrapper(self._copy, optimizer)
        for optim in (self.optim, self._copy_optim):
            options.merge_groups(optim.optimizer)
        for weight in self._copy.parameters():
            weight.grad = torch.zeros_like(weight)
        self.model.see_dataset(loader.dataset)
        self.model.start_training()
        self.batches = iter(_endless(loader))
        self._batch = next(self.batches)
        self._passes = self._watch_passes()

    def step(self) -> None:
        """One update of the weights."""
        self.model.train_step(next(self.batches), self.optim)

    def batch(self) -> None:
        """Images of both streams."""
        next(self.batches)

    def views(self) -> None:
        """Weak and strong views of a batch, normalized."""
        self.model.data_preprocessor(self._batch, True)

    def network(self) -> None:
        """The passes of a step, each with its backward pass where the step has one."""
        for images, learns in self._passes:
            with torch.set_grad_enabled(learns):
                logits = self.model.head(self.model.extract_feat(images))
            if learns:
                logits.sum().backward()
        self.model.zero_grad(set_to_none=True)

    def update(self) -> None:
        """An update of as many weights: those of a copy, so that this training goes its way."""
        self._copy_optim.step()

    def _watch_passes(self) -> list[tuple[torch.Tensor, bool]]:
        """The images of each pass of a step, and whether it has a gradient."""
        seen = []

        def watched(extract: Callable) -> Callable:
            def call(model: Any, images: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
                seen.append((images.detach().clone(), torch.is_grad_enabled()))
                return extract(model, images, *args, **kwargs)

            return call

        with contextlib.ExitStack() as stack:
            for kind in (type(self.model), Network):  # of a student, of a teacher
                stack.enter_context(
                    mock.patch.object(kind, "extract_feat", watched(kind.extract_feat))
                )
            self.step()
        return seen


def _without_files(cfg: Config, shape: tuple[int, ...]) -> None:
    """Noise in the place of the images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4000, *shape), dtype=np.uint8)
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


def _table(result: dict[str, dict], args: argparse.Namespace):
    title = f"{args.row}, {args.device}, {args.threads} thread(s); parts in % of a step"
    made = table(title, "method", "ms a step", "ratio", *PARTS, "rest")
    for name, row in result.items():
        ratio = "" if row["to_baseline"] is None else f"{row['to_baseline']:.2f}"
        shares = [*row["parts"].values(), 1 - sum(row["parts"].values())]
        made.add_row(
            name, f"{row['milliseconds']:.1f}", ratio, *(f"{100 * share:.0f}" for share in shares)
        )
    return made


if __name__ == "__main__":
    main()
