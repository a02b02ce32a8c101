"""Names that may have been meant, for the messages about wrong ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def suggestion(name: str, known: Iterable[str], most: int = 3, cutoff: float = 0.6) -> str:
    """``"; did you mean 'x' or 'y'?"``, or nothing where none of the names comes close."""
    near = difflib.get_close_matches(name, sorted({*known}), n=most, cutoff=cutoff)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def suggestion_or_all(name: str, known: Iterable[str], most: int = 3) -> str:
    """The same, or else all that there is: ``"; there are a, b, c"``, in the order given."""
    known = list(known)
    return suggestion(name, known, most) or f"; there are {', '.join(known)}"
