"""Options that the commands share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dmmix.configuration.errors import UserError, near_files
from dmmix.configuration.reading import read_config


def config_options(description: str) -> argparse.ArgumentParser:
    """A parser with what every command takes that reads a config."""
    parser = parser_of(description)
    parser.add_argument("config", help="config file, or the name of one that comes with dmmix")
    help = "overrides, such as model.head.loss.eta=1.0 or model.mixup.alpha=0.5"
    add_pairs(parser, "--cfg-options", "KEY=VALUE", help=help)
    return parser


def runs_options(description: str) -> argparse.ArgumentParser:
    """A parser with what every command takes that reads what runs have left."""
    parser = parser_of(description)
    parser.add_argument("work_dirs", nargs="+", type=Path, help="folders with runs in them")
    return parser


def parser_of(description: str) -> argparse.ArgumentParser:
    """A parser with what every command takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--traceback", action="store_true", help="show the whole stack of an error")
    return parser


def add_pairs(parser: argparse.ArgumentParser, option: str, metavar: str, help: str) -> None:
    """An option of ``KEY=VALUE`` pairs, once or several times."""
    parser.add_argument(
        option, nargs="+", action="extend", type=key_and_value, metavar=metavar, help=help
    )


def key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return key, value


def positive(text: str) -> int:
    """A whole number, 1 or more, of the command line."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more, got {text!r}")
    return number


def by_key(pairs: Iterable[tuple[str, str]] | None) -> dict[str, list[str]]:
    """Of what an option of pairs gave, the values of each key."""
    found: dict[str, list[str]] = {}
    for key, value in pairs or ():
        found.setdefault(key, []).append(value)
    return found


def common_options(description: str) -> argparse.ArgumentParser:
    """A parser with the options that train and test take."""
    parser = config_options(description)
    parser.add_argument("--work-dir", help="where logs, checkpoints and results go")
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="what started this process",
    )
    # torch.distributed.launch passes it; torchrun sets LOCAL_RANK instead.
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)
    return parser


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parses the command line; sets ``LOCAL_RANK`` where the launcher did not."""
    args = parser.parse_args()
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    return args


def load_config(args: argparse.Namespace) -> Any:
    """:func:`read_config`, with ``work_dir`` and ``launcher`` set for a runner."""
    return finished(read_config(args.config, args.cfg_options), args)


def finished(cfg: Any, args: argparse.Namespace) -> Any:
    """A config with ``work_dir`` and ``launcher`` of the command line."""
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs") / Path(args.config).stem)
    cfg.launcher = args.launcher
    return cfg


def check_checkpoint(path: str) -> None:
    """Raises UserError unless the checkpoint is there, or is on another machine."""
    if "://" not in path and not Path(path).is_file():
        raise UserError(f"no checkpoint {path}{near_files(path)}")
