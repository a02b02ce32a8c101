"""The bytes of a file, here or on a server."""

from __future__ import annotations

from mmengine.fileio import get


def read_file(path: str) -> bytes:
    """All of it. An address (``s3://...``) is read by mmengine's backends.

    For a path these take as long as the reading itself.
    """
    if "://" in path:
        return get(path)
    with open(path, "rb") as file:
        return file.read()
