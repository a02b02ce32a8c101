"""What the tools write, and the processes that they start: any character, and at once."""

from __future__ import annotations

import sys
from collections.abc import Mapping

__all__ = ["environment_of_child", "write_any_character"]


def environment_of_child(environment: Mapping[str, str]) -> dict[str, str]:
    """For a Python whose output goes to a file or a pipe.

    Unbuffered, or the message of an error would stand before the lines that led to it; in UTF-8,
    which is how the file is read again.
    """
    return {**environment, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def write_any_character() -> None:
    """Where the output has another encoding than UTF-8, as a pipe on Windows, what it lacks is
    written as ``?``, and is no error."""
    for stream in (sys.stdout, sys.stderr):
        if (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="replace")
