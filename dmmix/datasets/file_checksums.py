"""Checksums of files."""

from __future__ import annotations

import hashlib

__all__ = ["file_digest"]

_CHUNK = 1 << 20


def file_digest(path: str, algorithm: str) -> str:
    """Checksum of a file as hexadecimal digits; ``algorithm`` as for :mod:`hashlib`."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
