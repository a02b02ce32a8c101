"""Which learning rate: dmmix lr CONFIG."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmmix.cli.options import config_options, load_config, parse, positive
from dmmix.cli.own_data import add_data_options, use_data
from dmmix.cli.own_weights import add_freeze_option, use_freeze, use_weights
from dmmix.cli.running import build_runner, reported_errors, starting
from dmmix.cli.train import dataloader_defaults
from dmmix.configuration.errors import UserError

if TYPE_CHECKING:
    from dmmix.engine.lr_range import RateRange

LEAST_STEPS = 20
HOW = "a tenth of the rate where the smoothed loss was lowest"


def main() -> None:
    parser = config_options("Suggest a learning rate: train while it grows, and look at the loss")
    parser.add_argument("--work-dir", help="where lr_range.png and lr_range.json go")
    parser.add_argument("--lowest", type=float, default=1e-5, help="first rate; default: 1e-5")
    parser.add_argument("--highest", type=float, default=1.0, help="last rate; default: 1")
    help = "updates of the weights; default: 100"
    parser.add_argument("--steps", type=positive, default=100, metavar="N", help=help)
    add_freeze_option(add_data_options(parser))
    parser.set_defaults(launcher="none", local_rank=0, epochs=None, cache=None)
    args = parse(parser)

    with reported_errors(args.traceback), starting():
        _check(args)
        cfg = load_config(args)
        folder = Path(cfg.work_dir)
        with tempfile.TemporaryDirectory() as scratch:
            _prepare(cfg, args, scratch)
            seen = _run(build_runner(cfg), args)
        if not seen.rates:
            raise UserError(f"the loss was not finite at the first rate, {args.lowest:g}")
        _write(folder, seen, args)


def _check(args: argparse.Namespace) -> None:
    # Also False of what is no number.
    if not 0 < args.lowest < args.highest / 10 < float("inf"):
        raise UserError(
            "--lowest must be above 0 and below a tenth of --highest (1e-5 and 1 by "
            f"default), got {args.lowest:g} and {args.highest:g}"
        )
    if args.steps < LEAST_STEPS:
        raise UserError(f"--steps must be {LEAST_STEPS} or more, got {args.steps}")


def _prepare(cfg: Any, args: argparse.Namespace, scratch: str) -> None:
    """Nothing but training, long enough, at no rate but those of the test."""
    for name in ("optim_wrapper", "train_cfg", "train_dataloader"):
        if cfg.get(name) is None:
            raise UserError(f"{args.config} trains nothing: it has no {name}")
    if "optimizer" not in cfg.optim_wrapper:
        raise UserError("dmmix lr goes with one optimiser, and optim_wrapper has several")
    use_weights(cfg, args)
    use_freeze(cfg, args)
    use_data(cfg, args, scratch, tell=False)  # of epochs and a split that do not count here
    dataloader_defaults(cfg.train_dataloader, training=True)
    for split in ("val", "test"):
        for part in ("cfg", "dataloader", "evaluator"):
            cfg[f"{split}_{part}"] = None
    batches = args.steps * cfg.optim_wrapper.get("accumulative_counts", 1)
    for name in ("max_epochs", "max_iters"):
        if name in cfg.train_cfg:
            cfg.train_cfg[name] = max(cfg.train_cfg[name], batches)
    cfg.param_scheduler, cfg.visualizer, cfg.resume = None, None, False
    cfg.work_dir = scratch
    cfg.default_hooks = {**cfg.get("default_hooks", {}), "checkpoint": None}
    if cfg.get("step"):
        cfg.step.update(compile=False, non_finite="stop")


def _run(runner: Any, args: argparse.Namespace) -> RateRange:
    from rich.console import Console

    from dmmix.engine.lr_range import lr_range_test

    with Console(stderr=True).status("loading") as status:  # shown on a terminal alone

        def tell(seen: RateRange) -> None:
            if seen.rates:
                status.update(
                    f"{len(seen.rates)} of {args.steps}: rate {seen.rates[-1]:.2g}, loss "
                    f"{seen.smoothed[-1]:.4g}"
                )

        return lr_range_test(runner, args.lowest, args.highest, args.steps, tell)


def _write(folder: Path, seen: RateRange, args: argparse.Namespace) -> None:
    from dmmix.compat.atomic import atomic_open
    from dmmix.visualization.lr_range import draw_lr_range

    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / "lr_range.png"
    content = dict(
        rates=seen.rates,
        losses=seen.losses,
        smoothed=seen.smoothed,
        exploded=seen.exploded,
        suggestion=seen.suggestion,
        how=HOW,
    )
    with atomic_open(picture.with_suffix(".json"), "w") as file:
        json.dump(content, file)
    draw_lr_range(picture, seen.rates, seen.losses, seen.smoothed, seen.suggestion)
    print(f"the curve is in {picture}")
    best = seen.rates[seen.best]
    if seen.suggestion is None:
        raise UserError(
            f"no suggestion: the loss was lowest at {best:.2g}, and a tenth of that is below "
            "--lowest; look at the curve, and take a lower --lowest, or more --steps"
        )
    end = f"; it exploded at {seen.rates[-1]:.2g}" if seen.exploded else ""
    print(
        f"suggested: optim_wrapper.optimizer.lr={seen.suggestion:.2g}, a tenth of {best:.2g}, "
        f"where the smoothed loss was lowest{end}"
    )
