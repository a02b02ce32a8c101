"""Tests a trained classifier: dmmix test CONFIG CHECKPOINT, or CHECKPOINT --data FOLDER."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from dmmix.cli.class_tables import classes_as_data, print_classes
from dmmix.cli.options import check_checkpoint, common_options, finished, load_config, parse
from dmmix.cli.running import build_runner, leave_processes, reported_errors, starting, watched
from dmmix.cli.tested_data import config_of, test_on
from dmmix.configuration.errors import UserError
from dmmix.configuration.reading import override


def main() -> None:
    parser = common_options("Test a classifier")
    parser.add_argument(
        "checkpoint",
        nargs="?",
        help="checkpoint file; alone, it says itself which network it is of",
    )
    parser.add_argument(
        "--data",
        nargs="+",
        action="extend",
        metavar="PATH",
        help="test on these images: a folder, or a file of labels, as for dmmix train",
    )
    parser.add_argument("--out", help="file to write results to")
    parser.add_argument(
        "--out-item",
        choices=["metrics", "pred"],
        default="metrics",
        help="what to write: metrics (.json), or every prediction with its image's name (.pkl)",
    )
    parser.add_argument(
        "--all-classes", action="store_true", help="show each class, not the worst alone"
    )
    args = parse(parser)

    with reported_errors(args.traceback), starting():
        cfg = _config(args)
        _check_out(args.out, args.out_item)
        cfg.load_from, cfg.resume = args.checkpoint, False
        runner = build_runner(cfg)
        if args.out and args.out_item == "pred":
            from dmmix.engine import DumpPredictions

            metric = DumpPredictions(args.out, runner.test_dataloader)
            runner.test_evaluator.metrics.append(metric)
        confusions = _confusions(runner)
    metrics = watched(runner, runner.test, args.traceback)
    from mmengine.dist import is_main_process

    if is_main_process():
        _tell(confusions.matrix, runner, metrics, args)
    leave_processes()


def _config(args: argparse.Namespace) -> Any:
    """Of the command line: a config and a checkpoint, or a checkpoint and images."""
    if args.checkpoint is not None:
        cfg = load_config(args)
        check_checkpoint(args.checkpoint)
    else:
        args.checkpoint = args.config
        if not args.checkpoint.endswith((".pth", ".pt")):
            raise UserError(f"which checkpoint? dmmix test {args.config} CHECKPOINT")
        if args.data is None:
            raise UserError(
                "on which images? dmmix test CHECKPOINT --data FOLDER; a checkpoint's own folders "
                "are not opened, so for those: dmmix test CONFIG CHECKPOINT"
            )
        check_checkpoint(args.checkpoint)
        cfg = config_of(args.checkpoint)
        override(cfg, args.cfg_options)
        cfg = finished(cfg, args)
    if args.data is not None:
        test_on(cfg, args.data, args.config)
    return cfg


def _confusions(runner: Any) -> Any:
    from dmmix.evaluation.confusions import Confusions

    confusions = Confusions()
    runner.test_evaluator.metrics.append(confusions)
    return confusions


def _tell(matrix: Any, runner: Any, metrics: dict, args: argparse.Namespace) -> None:
    """A table of the classes, where images have one each; and the file that was asked for."""
    from dmmix.datasets.interface import class_names

    names: Any = class_names(runner.test_dataloader.dataset)
    if matrix is not None:
        if names is None or len(names) != len(matrix):
            names = [str(number) for number in range(len(matrix))]
        print_classes(matrix, names, args.all_classes)
    if args.out and args.out_item == "metrics":
        import mmengine

        mmengine.dump(
            {**metrics, **classes_as_data(matrix, names)} if matrix is not None else metrics,
            args.out,
        )


def _check_out(out: str | None, item: str) -> None:
    if out is None:
        return
    allowed = (".json", ".yaml", ".yml") if item == "metrics" else (".pkl", ".pickle")
    if not out.endswith(allowed):
        raise UserError(f"--out for {item} must end in {' or '.join(allowed)}, got {out}")
    if not Path(out).resolve().parent.is_dir():
        raise UserError(f"--out: no folder {Path(out).resolve().parent}")
