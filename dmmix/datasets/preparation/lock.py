"""One process at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import PreparationError

__all__ = ["only_one"]


@contextmanager
def only_one(folder: str) -> Iterator[None]:
    """Holds a lock on a folder; a killed process leaves none behind.

    Raises:
        PreparationError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PreparationError(f"{folder}: another process is at work there") from error
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(handle)
