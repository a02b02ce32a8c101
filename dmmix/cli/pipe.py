"""The end of a tool whose output nobody reads any more, as where ``| head -1`` follows it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_pipe"]

#: What a shell reports of a program that the signal SIGPIPE ended.
STATUS = 141


@contextmanager
def quiet_pipe() -> Iterator[None]:
    """Ends the process without a message where its reader has gone."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BrokenPipeError:  # or Python tries it once more at the end, and complains
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        sys.exit(STATUS)
