"""What the tools share: the file of a benchmark's numbers, which says where they come from."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
#: Whose versions are told, where they are there.
PACKAGES = (
    *("dmmix", "numpy", "torchvision", "triton", "onedl-mmengine", "onedl-mmpretrain"),
    *("onedl-mmcv", "mmengine", "mmpretrain", "mmcv-lite"),
)


def count(text: str) -> int:
    """The value of an option that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")
    return int(text)


def parser(
    about: str, rounds: int, threads: int | None = 1, device: bool = True
) -> argparse.ArgumentParser:
    """With the options that the tools share; ``about``: a docstring, whose first line is shown."""
    made = argparse.ArgumentParser(description=about.split("\n")[0])
    made.add_argument("--rounds", type=count, default=rounds)
    made.add_argument("--threads", type=count, default=threads, help="CPU threads")
    if device:
        made.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    made.add_argument("--out", type=Path, help="JSON file for the numbers")
    return made


def table(title: str, first: str, *columns: str) -> Table:
    """Without rows; the first column is text, the others are numbers."""
    made = Table(title=title, title_justify="left")
    made.add_column(first, no_wrap=True)
    for column in columns:
        made.add_column(column, justify="right", no_wrap=True)
    return made


def write_report(
    path: Path,
    content: Mapping[str, Any],
    *,
    device: str = "cpu",
    threads: int | None = None,
    packages: Sequence[str] = (),
) -> None:
    """Writes ``content`` as JSON, behind an entry ``environment``."""
    report = {"environment": environment(device, threads=threads, packages=packages), **content}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def environment(
    device: str = "cpu", *, threads: int | None = None, packages: Sequence[str] = ()
) -> dict[str, Any]:
    """Command, commit, date, machine and versions.

    Args:
        device: on which it was measured; a GPU is told by name.
        threads: of torch, where they are not those of this process.
        packages: further ones whose versions count.
    """
    import torch

    found = {
        "command": _command(),
        "commit": commit_of(ROOT),
        "date": datetime.date.today().isoformat(),
        "machine": platform.machine(),
        "system": platform.system(),
        "cpus": os.cpu_count(),
        "threads": threads or torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    for package in (*PACKAGES, *packages):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    if device != "cpu":
        found["gpu"] = torch.cuda.get_device_name()
        found["cuda"] = str(torch.version.cuda)
    return found


def commit_of(checkout: Path) -> str | None:
    """The commit of a checkout, with ``, changed`` where its files differ from it.

    ``None`` without git, and for a folder that is no checkout of its own.
    """
    git = ["git", "-C", str(checkout)]
    try:
        top, commit = _lines([*git, "rev-parse", "--show-toplevel", "HEAD"])
        if Path(top).resolve() != checkout.resolve():
            return None
        changed = _lines([*git, "status", "--porcelain", "--untracked-files=no"])
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}, changed" if changed else commit


def _lines(command: Sequence[str]) -> list[str]:
    done = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8")
    return done.stdout.splitlines()


def _command() -> str:
    """As it is typed in the top folder of the repository."""
    tool, *arguments = sys.argv
    path = Path(tool).resolve()
    shown = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    return shlex.join(["python", shown, *arguments])
