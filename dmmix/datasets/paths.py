"""What to say about a path that is not there."""

from __future__ import annotations

import difflib
import os

__all__ = ["near_names"]


def near_names(path: str) -> str:
    """``"; did you mean ...?"`` for a path that does not exist, or what of it does.

    An empty string where nothing near is known.
    """
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        while folder and not os.path.isdir(folder):
            folder = os.path.dirname(folder)
        return f"; there is only {folder}"
    near = difflib.get_close_matches(name, sorted(os.listdir(folder)), cutoff=0.5)
    if not near:
        return f"; nothing in {folder} has a name like it"
    return "; did you mean " + " or ".join(repr(os.path.join(folder, n)) for n in near) + "?"
