"""Whether a file is the one that was published."""

from __future__ import annotations

import hashlib
import os

from .errors import PreparationError
from .progress import bar
from .table import Archive

__all__ = ["check_md5"]

_CHUNK = 1 << 20


def check_md5(path: str, archive: Archive) -> None:
    """Compares the MD5 checksum of a file with the stated one.

    Raises:
        PreparationError: they differ.
    """
    digest = hashlib.md5(usedforsecurity=False)
    size = os.path.getsize(path)
    with bar(f"checksum of {archive.name}", size) as advance, open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            advance(len(chunk))
    if digest.hexdigest() != archive.md5:
        hint = "is it cut off?" if size < archive.size else "is it another file?"
        raise PreparationError(
            f"{path}: wrong checksum, MD5 {digest.hexdigest()} instead of {archive.md5}; it has "
            f"{size:,} bytes of {archive.size:,}: {hint} (--no-checksum takes it as it is)"
        )
