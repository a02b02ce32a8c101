"""The image files below a folder, and what else is there."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from dmmix.datasets.messages import listed


def class_folders(root: str) -> list[str]:
    """Names of the folders in ``root``, sorted; hidden ones (``.ipynb_checkpoints``) are none."""
    return sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not _hidden(entry))


def _hidden(entry: os.DirEntry) -> bool:
    """Also the folder that macOS puts into archives."""
    return entry.name.startswith(".") or entry.name == "__MACOSX"


class FolderListing:
    """Lists files with these endings (in lower case) and counts what it passes over."""

    def __init__(self, extensions: Sequence[str]) -> None:
        self.extensions = tuple(extensions)
        self._others: Counter[str] = Counter()
        self._broken: list[str] = []
        self._outside: list[str] = []

    def images(self, folder: str) -> list[str]:
        """Paths below ``folder`` of the images in it and in its folders, sorted."""
        found: list[str] = []
        self._walk(folder, "", (os.path.realpath(folder),), found)
        return sorted(found)

    def outside(self, root: str) -> None:
        """Counts what lies beside the class folders of ``root``: images, and broken links."""
        for entry in os.scandir(root):
            if _hidden(entry) or entry.is_dir():
                continue
            if not entry.is_file():
                self._broken.append(entry.path)
            elif entry.name.lower().endswith(self.extensions):
                self._outside.append(entry.name)

    def _walk(self, folder: str, below: str, above: tuple[str, ...], found: list[str]) -> None:
        """``below`` is put before each name: os.path.join would take longer than all the rest.

        ``above`` are the true paths of the folders that this one is in, and of itself.
        """
        for entry in os.scandir(folder):
            name = entry.name
            if _hidden(entry):
                continue
            if entry.is_file():
                if name.lower().endswith(self.extensions):
                    found.append(below + name)
                else:
                    self._others[os.path.splitext(name)[1].lower()] += 1
            elif entry.is_dir():
                real = os.path.join(above[-1], name)
                if entry.is_symlink():
                    real = os.path.realpath(entry.path)
                if real not in above:  # a link to a folder that it is in
                    self._walk(entry.path, below + name + os.sep, (*above, real), found)
            else:
                self._broken.append(entry.path)

    def passed_over(self) -> str | None:
        """What was, in a line; ``None`` if nothing was."""
        lines = []
        if self._others:
            counts = ", ".join(
                f"{count} {ending or 'without an ending'}"
                for ending, count in sorted(self._others.items(), key=lambda c: (-c[1], c[0]))
            )
            lines.append(f"{self._others.total()} files with other endings ({counts})")
        if self._broken:
            lines.append(f"{len(self._broken)} broken links ({listed(sorted(self._broken))})")
        if self._outside:
            names = listed(sorted(self._outside))
            lines.append(f"{len(self._outside)} images in no class folder ({names})")
        return " and ".join(lines) or None
