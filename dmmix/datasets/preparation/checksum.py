"""Whether a file is the one that was published."""

from __future__ import annotations

import hashlib
import os

from .errors import PreparationError
from .progress import watched
from .table import Archive

__all__ = ["check_checksum"]


def check_checksum(path: str, archive: Archive) -> None:
    """Compares the checksum of a file with the stated one.

    Raises:
        PreparationError: they differ.
    """
    kind, _, stated = archive.checksum.partition(":")
    with watched(f"checksum of {archive.name}", path) as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if found != stated:
        size = os.path.getsize(path)
        hint = "is it cut off?" if size < archive.size else "is it another file?"
        raise PreparationError(
            f"{path}: wrong checksum, {kind.upper()} {found} instead of {stated}; it has "
            f"{size:,} bytes of {archive.size:,}: {hint}"
        )
