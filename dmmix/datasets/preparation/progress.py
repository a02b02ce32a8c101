"""Bars with the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Any


@contextmanager
def bar(title: str, total: int, bytes_: bool = True) -> Iterator[Callable[[int], None]]:
    """A progress bar of so many bytes (or things); what it gives is told how much further it is."""
    progress = _progress(bytes_)
    if progress is None:
        yield lambda step: None
        return
    with progress:
        task = progress.add_task(title, total=total)
        yield lambda step: progress.advance(task, step)


@contextmanager
def watched(title: str, path: str) -> Iterator[BufferedReader]:
    """A file that is open for reading, with a bar that shows how far it has been read."""
    progress = _progress(bytes_=True)
    if progress is None:
        with open(path, "rb") as file:
            yield file
        return
    with progress, progress.open(path, "rb", description=title) as file:
        yield file


def _progress(bytes_: bool) -> Any:
    """Of rich; without it there is none."""
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
    except ImportError:
        return None
    counts = [DownloadColumn(), TransferSpeedColumn()] if bytes_ else [MofNCompleteColumn()]
    columns = [TextColumn("{task.description}"), BarColumn(), *counts]
    columns += [TextColumn("left"), TimeRemainingColumn()]
    return Progress(*columns, console=Console(stderr=True))
