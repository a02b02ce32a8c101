"""The environment of the processes that are started: output of any character, and at once."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["environment_of_child"]


def environment_of_child(environment: Mapping[str, str]) -> dict[str, str]:
    """For a Python whose output goes to a file or a pipe.

    Unbuffered, or the message of an error would stand before the lines that led to it; in UTF-8,
    which is how the file is read again.
    """
    return {**environment, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
