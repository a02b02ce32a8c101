"""Bars with the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["bar", "say"]


def say(text: str) -> None:
    """A line for the user."""
    print(text, flush=True)


@contextmanager
def bar(title: str, total: int | None, bytes_: bool = True) -> Iterator[Callable[[int], None]]:
    """A progress bar; what it gives is told how much further it is.

    Args:
        title: what is done.
        total: bytes (or things) in all; ``None`` if that is not known.
        bytes_: of bytes, with their rate.
    """
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )
    except ImportError:  # without it there is none
        yield lambda step: None
        return
    counts = [DownloadColumn(), TransferSpeedColumn()] if bytes_ else [MofNCompleteColumn()]
    columns = [TextColumn("{task.description}"), BarColumn(), *counts]
    columns += [TextColumn("left"), TimeRemainingColumn()]
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total)
        yield lambda step: progress.advance(task, step)
