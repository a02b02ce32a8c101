"""What the commands write: any character, to whoever still reads it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: What a shell reports of a program that the signal SIGPIPE ended.
STATUS = 141


def write_any_character() -> None:
    """Where the output has another encoding than UTF-8, as a pipe on Windows, what it lacks is
    written as ``?``, and is no error."""
    stream: Any  # somebody may have put something else there
    for stream in (sys.stdout, sys.stderr):
        if (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="replace")


@contextmanager
def quiet_pipe() -> Iterator[None]:
    """Ends the process without a message where its reader has gone, as after ``| head -1``."""
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
