"""Entries of archives: which of them may be written, and where."""

from __future__ import annotations

import os
import re

from .errors import RefusedEntryError

__all__ = ["Guard"]


class Guard:
    """Looks at each entry of an archive before anything of it is written.

    Args:
        archive: its path, for messages.
        folder: that it is unpacked into.
        limit: so many bytes may come out of it.
    """

    #: More files than the largest of the data sets has, twice.
    most_files = 3_000_000

    def __init__(self, archive: str, folder: str, limit: int) -> None:
        self.archive = archive
        self.folder = folder
        self.limit = limit
        self.total = 0
        self._names: dict[str, bool] = {}

    def place(self, name: str, is_folder: bool, size: int, inside: str = "") -> str | None:
        """Where an entry goes; ``None`` for what nobody needs.

        Args:
            name: of the entry.
            is_folder: it is no file.
            size: of the file, as the archive says.
            inside: a folder in ``folder``, for archives in archives.

        Raises:
            RefusedEntryError: it would go elsewhere, is there twice, or is too much.
        """
        shown = name if name.isprintable() else ascii(name)
        if not name or "\0" in name or "\\" in name or re.match(r"[A-Za-z]:", name):
            raise RefusedEntryError(f"{self.archive}: entry {shown!r} is no name for a file")
        if name.startswith("/"):
            raise RefusedEntryError(f"{self.archive}: entry {shown!r} has an absolute path")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise RefusedEntryError(f"{self.archive}: entry {shown!r} leads out of the folder (..)")
        self._count(shown, size)
        if not parts:  # "./"
            return None
        path = "/".join([*filter(None, [inside]), *parts])
        if self._names.get(path) is False or (path in self._names and not is_folder):
            raise RefusedEntryError(f"{self.archive}: entry {shown!r} is there twice")
        for depth in range(1, len(parts)):
            parent = "/".join([*filter(None, [inside]), *parts[:depth]])
            if self._names.setdefault(parent, True) is False:
                raise RefusedEntryError(f"{self.archive}: entry {shown!r} lies in a file")
        self._names[path] = is_folder
        if "__MACOSX" in parts or parts[-1].startswith("._"):
            return None  # a Mac's notes about the file
        return os.path.join(self.folder, *path.split("/"))

    def refuse(self, name: str, what: str) -> RefusedEntryError:
        """The error for an entry that is no plain file."""
        shown = name if name.isprintable() else ascii(name)
        return RefusedEntryError(
            f"{self.archive}: entry {shown!r} is {what}; only files and folders are unpacked"
        )

    def _count(self, name: str, size: int) -> None:
        self.total += size
        if size < 0 or self.total > self.limit:
            raise RefusedEntryError(
                f"{self.archive}: more than {self.limit:,} bytes would come out of it (at entry "
                f"{name!r}): it is not what was published"
            )
        if len(self._names) > self.most_files:
            raise RefusedEntryError(f"{self.archive}: it has more than {self.most_files:,} entries")
