"""How finished runs read mixed test images: dmmix mixed-accuracy WORK_DIRS.

Mixes the test images, the same way for each run, and measures with the last checkpoint how often
the highest prediction is one of the two classes (top1) and how often the two highest are exactly
these (top2). The numbers go into measured.json beside the checkpoint, where dmmix report finds
them: dmmix report WORK_DIRS --key Mixup/top2. Runs that have them are skipped.

The folders may be somebody else's: their configs and checkpoints are read as data, and networks and
data sets are made of what is registered in dmmix, mmpretrain and mmengine only. A run whose config
names other types, or imports modules of its own, is refused.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dmmix.cli.options import runs_options
from dmmix.cli.running import config_scope, reported_errors
from dmmix.configuration.errors import UserError


def main() -> None:
    args = _parser().parse_args()
    with reported_errors(args.traceback):
        _measure_all(args)


def _parser() -> argparse.ArgumentParser:
    parser = runs_options("Mixed top-1 and top-2 of finished runs, on mixed test images")
    parser.add_argument(
        "--mixups",
        nargs="+",
        default=["Mixup", "CutMix"],
        metavar="NAME",
        help="mixes to read; default: Mixup CutMix",
    )
    parser.add_argument(
        "--alpha", type=float, default=1.0, help="of the shares; default: 1, all shares alike"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the mixes; default: 0")
    parser.add_argument("--again", action="store_true", help="measure runs that were, too")
    return parser


def _measure_all(args: Any) -> None:
    from dmmix.experiments.store.files import write_json
    from dmmix.experiments.store.run import MEASURED, runs_under

    runs = [run for run in runs_under(args.work_dirs) if run.finished]
    if not runs:
        raise UserError(f"no finished run in {', '.join(map(str, args.work_dirs))}")
    hooks = _hooks(args.mixups, args.alpha, args.seed)
    loaders: dict[str, Any] = {}  # the test images of many runs are the same
    about = dict(alpha=args.alpha, seed=args.seed)
    for number, run in enumerate(runs, 1):
        same = run.measured.get("of") == about
        measured = run.measured if same else {"of": about, "values": {}}
        wanted = {
            name: hook
            for name, hook in hooks.items()
            if args.again or f"{name}/top2" not in measured["values"]
        }
        checkpoint = run.checkpoint
        if checkpoint is None:
            print(f"{run.folder}: no checkpoint, left out", file=sys.stderr)
        elif wanted:
            model, batches = _model_and_batches(run.folder, checkpoint.file, loaders)
            for name, hook in wanted.items():
                for key, value in hook.measure(model, batches).items():
                    measured["values"][f"{name}/{key.split('/')[-1]}"] = [[checkpoint.step, value]]
            write_json(run.folder / MEASURED, measured)
        shown = "  ".join(f"{k} {v[0][1]:.2f}" for k, v in measured["values"].items())
        print(f"[{number}/{len(runs)}] {run.folder}: {shown}")


def _hooks(names: Sequence[str], alpha: float, seed: int) -> dict[str, Any]:
    """What measures, by the name of the mix."""
    from dmmix import mixups
    from dmmix.engine import MixedAccuracyHook
    from dmmix.registry import MIXUPS
    from dmmix.suggestions import suggestion_or_all

    known = {name for name in mixups.__all__ if name in MIXUPS.module_dict}
    hooks = {}
    for name in names:
        if name not in known:
            near = suggestion_or_all(name, sorted(known))
            raise UserError(f"--mixups: no mix {name!r}{near}")
        hooks[name] = MixedAccuracyHook(dict(type=name, alpha=alpha), seed=seed)
    return hooks


def _model_and_batches(folder: Path, checkpoint: Path, loaders: dict[str, Any]) -> tuple[Any, Any]:
    """The network of a run with the weights of a checkpoint, and the loader of the test images.

    ``loaders`` has those made so far, by their config.
    """
    from mmengine.config import Config
    from mmengine.registry import MODELS
    from mmengine.runner import load_checkpoint

    from dmmix.configuration.config_data import read_config_data
    from dmmix.engine import DmmixRunner

    configs = sorted(folder.glob("*/vis_data/config.py"))
    if not configs:
        raise UserError(f"{folder}: no */vis_data/config.py, the config as it was trained")
    cfg = Config(read_config_data(configs[-1]))
    with config_scope(cfg):
        if cfg.get("data_preprocessor") is not None:  # as a runner does
            cfg.model.setdefault("data_preprocessor", cfg.data_preprocessor)
        model = MODELS.build(cfg.model)
        load_checkpoint(model, str(checkpoint), map_location="cpu", logger="silent")
        key = repr(cfg.test_dataloader)
        if key not in loaders:
            loaders[key] = DmmixRunner.build_dataloader(cfg.test_dataloader)
    return model, loaders[key]
