"""Trains a classifier: dmmix train CONFIG."""

from __future__ import annotations

import argparse
import sys
import tempfile
from typing import Any

from dmmix.cli.options import check_checkpoint, common_options, load_config, parse
from dmmix.cli.own_data import add_training_options, use_data
from dmmix.cli.own_length import set_epochs, set_patience
from dmmix.cli.own_weights import use_freeze, use_weights
from dmmix.cli.running import (
    build_runner,
    leave_processes,
    reported_errors,
    starting,
    stoppable,
    watched,
)
from dmmix.configuration.errors import UserError


def main() -> None:
    parser = common_options("Train a classifier")
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="CHECKPOINT",
        help="go on from this checkpoint, or from the latest one in the work dir",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="let the checkpoints of an earlier run in the work dir go",
    )
    parser.add_argument("--amp", action="store_true", help="train in mixed precision")
    parser.add_argument(
        "--auto-scale-lr",
        action="store_true",
        help="scale the learning rate by the batch size over auto_scale_lr.base_batch_size",
    )
    parser.add_argument("--no-validate", action="store_true", help="do not evaluate while training")
    parser.add_argument("--seed", type=int, help="seed of everything random")
    parser.add_argument(
        "--dry-run", action="store_true", help="build everything, run a few steps, stop"
    )
    add_training_options(parser)
    args = parse(parser)

    with reported_errors(args.traceback), starting():
        cfg = _merge(load_config(args), args)
        if args.dry_run:
            _dry_run(cfg, args)
            leave_processes()
            return
        use_data(cfg, args)
        runner = build_runner(cfg)
        _show_bar(runner)
    how = f"dmmix train {' '.join(_to_resume(sys.argv[1:]))} goes on from the last checkpoint"
    with stoppable(how):
        watched(runner, runner.train, args.traceback)
    leave_processes()


def _show_bar(runner: Any) -> None:
    """On a terminal; in a file or a pipe lines are better."""
    from mmengine.dist import is_main_process

    if not (sys.stderr.isatty() and is_main_process()):
        return
    from dmmix.engine.console import ProgressHook, quiet_terminal

    quiet_terminal(runner.logger, bar=True)
    runner.register_hook(ProgressHook())


def _to_resume(words: list[str]) -> list[str]:
    words = [word for word in words if word != "--overwrite"]
    return words if any(word.startswith("--resume") for word in words) else [*words, "--resume"]


def _merge(cfg: Any, args: argparse.Namespace) -> Any:
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.seed is not None:
        if not 0 <= args.seed < 2**32:  # what NumPy takes
            raise UserError(f"--seed must be 0 or more and below 2**32, got {args.seed}")
        cfg.randomness = {**cfg.get("randomness", {}), "seed": args.seed}
    if args.overwrite:
        if args.resume is not None:
            raise UserError("--resume goes on with what --overwrite lets go: take one of them")
        cfg.overwrite = True
    if args.amp:
        _use_amp(cfg)
    if args.resume == "auto":
        cfg.resume, cfg.load_from = True, None
    elif args.resume is not None:
        check_checkpoint(args.resume)
        cfg.resume, cfg.load_from = True, args.resume
    if args.auto_scale_lr:
        if (cfg.get("auto_scale_lr") or {}).get("base_batch_size") is None:
            raise UserError("--auto-scale-lr needs auto_scale_lr.base_batch_size in the config")
        cfg.auto_scale_lr.enable = True
    if args.epochs is not None:
        set_epochs(cfg, args.epochs)
    if args.patience is not None:
        set_patience(cfg, args.patience)
    use_weights(cfg, args)
    use_freeze(cfg, args)
    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        if cfg.get(name) is not None:
            dataloader_defaults(cfg[name], training=name == "train_dataloader")
    return cfg


def _use_amp(cfg: Any) -> None:
    import torch

    if not torch.cuda.is_available():
        raise UserError(
            "--amp needs a GPU; none is visible (--cfg-options step.precision=bf16 works on a CPU)"
        )
    kind = cfg.optim_wrapper.get("type", "OptimWrapper")
    if kind == "OptimWrapper" and cfg.get("step") and not cfg.get("runner_type"):
        if cfg.step.get("precision", "fp32") == "fp32":
            cfg.step.precision = "fp16"
        return  # a config that says bf16 has its mixed precision already
    if kind not in ("OptimWrapper", "AmpOptimWrapper"):
        raise UserError(f"--amp does not go with optim_wrapper.type={kind!r}")
    cfg.optim_wrapper.type = "AmpOptimWrapper"
    cfg.optim_wrapper.setdefault("loss_scale", "dynamic")


def dataloader_defaults(loader: Any, training: bool) -> None:
    """mmpretrain's, but for workers of the training data that an exact resume can put back."""
    import torch

    loader.setdefault("pin_memory", torch.cuda.is_available())
    loader.setdefault("persistent_workers", not training and loader.get("num_workers", 0) != 0)
    loader.setdefault("collate_fn", dict(type="default_collate"))
    if training:
        loader.setdefault("worker_init_fn", dict(type="seed_worker"))


def _dry_run(cfg: Any, args: argparse.Namespace) -> None:
    from dmmix.engine import dry_run

    with tempfile.TemporaryDirectory() as scratch:
        use_data(cfg, args, scratch)
        # Its logs are of no use to anybody; a resumed run has to look into the real folder.
        if not cfg.get("resume"):
            cfg.work_dir = scratch
        outputs = dry_run(build_runner(cfg))
    values = ", ".join(f"{name} {value:.4g}" for name, value in outputs.items())
    print(f"dry run: {outputs.steps} step(s) trained and one batch predicted. {values}")
