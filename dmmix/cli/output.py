"""What the commands write: any character."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["write_any_character"]


def write_any_character() -> None:
    """Where the output has another encoding than UTF-8, as a pipe on Windows, what it lacks is
    written as ``?``, and is no error."""
    stream: Any  # somebody may have put something else there
    for stream in (sys.stdout, sys.stderr):
        if (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="replace")
