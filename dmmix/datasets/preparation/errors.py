"""What can be wrong, in one line."""

from __future__ import annotations


class PreparationError(Exception):
    """Names the file and the reason; all that a user is shown."""


class DownloadError(PreparationError):
    """A file cannot be had from where it was asked for."""


class RefusedEntryError(PreparationError):
    """An archive has an entry that is not allowed."""
