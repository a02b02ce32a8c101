"""What train.py and test.py share: options, configs, and errors that a user can act on."""

from __future__ import annotations

import argparse
import difflib
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Keys of a config that mmengine, mmpretrain or dmmix read besides the runner's arguments.
_OTHER_KEYS = {
    "activation_checkpointing",
    "auto_scale_lr",
    "compile",
    "custom_imports",
    "data_preprocessor",
    "default_scope",
    "efficient_conv_bn_eval",
    "find_unused_parameters",
    "model_wrapper_cfg",
    "runner_type",
    "sync_bn",
    "tta_model",
    "tta_pipeline",
    "vis_backends",
}


class UserError(Exception):
    """A mistake in what was asked for; its text is all that the user is shown."""


def common_options(description: str) -> argparse.ArgumentParser:
    """A parser with the options that both tools take."""
    from mmengine.config import DictAction

    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("config", help="config file")
    parser.add_argument("--work-dir", help="where logs, checkpoints and results go")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        metavar="KEY=VALUE",
        help="overrides, such as model.head.loss.eta=1.0 or model.mixup.alpha=0.5",
    )
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="what started this process",
    )
    # torch.distributed.launch passes it; torchrun sets LOCAL_RANK instead.
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--traceback", action="store_true", help="show the whole stack of an error")
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parses the command line; sets ``LOCAL_RANK`` where the launcher did not."""
    args = parser.parse_args()
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    return args


def load_config(args: argparse.Namespace) -> Any:
    """The config with ``--cfg-options`` merged and ``work_dir`` set.

    Raises:
        UserError: no such file; a key that nothing reads.
    """
    from mmengine.config import Config

    if (
        not args.config.startswith(("mmpretrain::", "mmengine::"))
        and not Path(args.config).is_file()
    ):
        raise UserError(f"no config file {args.config}{_near_files(args.config)}")
    cfg = Config.fromfile(args.config)
    _check_top_level(cfg)
    if args.cfg_options:
        _check_overrides(cfg, args.cfg_options)
        cfg.merge_from_dict(args.cfg_options)
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs") / Path(args.config).stem)
    cfg.launcher = args.launcher
    return cfg


def build_runner(cfg: Any) -> Any:
    """The runner of the config; dmmix's own unless ``runner_type`` names another."""
    from mmengine.registry import RUNNERS

    import dmmix.engine

    dmmix.engine.init_cpu_processes(cfg.launcher, cfg)
    if cfg.get("runner_type") is None:
        return dmmix.engine.DmmixRunner.from_cfg(cfg)
    return RUNNERS.build(cfg)


def first_step_watch(runner: Any) -> Callable[[], bool]:
    """A function that says whether ``runner`` has trained its first step."""
    from mmengine.hooks import Hook

    class Watch(Hook):
        done = False

        def after_train_iter(self, *args: Any, **kwargs: Any) -> None:
            self.done = True

    watch = Watch()
    runner.register_hook(watch)
    return lambda: watch.done


@contextmanager
def reported_errors(
    show_traceback: bool, running: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Turns an error into one message on standard error and exit status 2.

    Once ``running()`` is true the mistake is not one of the config any more, and the error goes
    its usual way.
    """
    try:
        yield
    except Exception as error:
        if running():
            raise
        if show_traceback:
            traceback.print_exc()
        print(f"\nerror: {explain(error)}", file=sys.stderr)
        if not show_traceback and not isinstance(error, UserError):
            print("(--traceback shows where)", file=sys.stderr)
        sys.exit(2)


def explain(error: BaseException) -> str:
    """The error's text; for an unknown type of a config with the names that come close."""
    text = str(error)
    if isinstance(error, KeyError) and error.args:
        text = str(error.args[0])  # str() of a KeyError is a repr
    unknown = re.search(r"'?(\S+) is not in the (\S+) registry", text)
    if unknown:
        name, registry = unknown.groups()
        return f"unknown type {name!r}: not in the {registry} registry" + _near_types(
            name, registry
        )
    if isinstance(error, UserError):
        return text
    # mmengine prefixes where it was: class `X` in path/to/x.py: ...
    text = re.sub(r"class `(\w+)` in \S+: ", r"\1: ", text)
    return f"{type(error).__name__}: {text}"


def _near_types(name: str, registry: str) -> str:
    """Suggestions from the registry of that name and its parents."""
    from dmmix import registry as ours

    known: set[str] = set()
    kind = registry.split("::")[-1]
    for candidate in vars(ours).values():
        if getattr(candidate, "name", None) != kind or not hasattr(candidate, "module_dict"):
            continue
        while candidate is not None:
            known |= set(candidate.module_dict)
            candidate = candidate.parent
    return _suggest(name.split(".")[-1], known)


def _runner_keys() -> set[str]:
    from mmengine.runner import Runner

    return set(inspect.signature(Runner.__init__).parameters) - {"self"} | _OTHER_KEYS


def _check_top_level(cfg: Any) -> None:
    """A misspelt key would be ignored in silence: mmengine reads what it knows."""
    known = _runner_keys()
    for key in cfg:
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.9)
        if key not in known and near and near[0] not in cfg:
            raise UserError(f"{cfg.filename}: unknown key {key!r}, did you mean {near[0]!r}?")


def _check_overrides(cfg: Any, options: dict) -> None:
    known = _runner_keys()
    for dotted in options:
        first, *rest = dotted.split(".")
        if first not in cfg and first not in known:
            raise UserError(
                f"--cfg-options {dotted}: the config has no key {first!r}"
                + _suggest(first, set(cfg) | known)
            )
        here = cfg.get(first)
        # The last part may be new: an argument that the config leaves at its default.
        for depth, part in enumerate(rest[:-1], start=1):
            here = _child(here, part, dotted, ".".join([first, *rest[: depth - 1]]))


def _child(parent: Any, part: str, dotted: str, path: str) -> Any:
    if isinstance(parent, list | tuple) and part.isdigit() and int(part) < len(parent):
        return parent[int(part)]
    if isinstance(parent, dict) and part in parent:
        return parent[part]
    names = set(parent) if isinstance(parent, dict) else set()
    raise UserError(f"--cfg-options {dotted}: {path} has no {part!r}" + _suggest(part, names))


def _suggest(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def _near_files(path: str) -> str:
    folder = Path(path).parent
    if not folder.is_dir():
        return f": no folder {folder}"
    near = difflib.get_close_matches(
        Path(path).name, [p.name for p in folder.glob("*.py")], n=3, cutoff=0.5
    )
    return f"; did you mean {' or '.join(str(folder / n) for n in near)}?" if near else ""
