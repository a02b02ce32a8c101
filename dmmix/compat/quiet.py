"""Imports what prints while it is imported: on standard output stand the results of commands."""

from contextlib import redirect_stdout
from io import StringIO

with redirect_stdout(StringIO()):  # onedl-mmpretrain says there what it does without
    import mmpretrain.datasets  # noqa: F401
