"""Files that are either the old one or the new one, whenever the process is killed."""

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dmmix.compat.errors import DiskFullError

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))  # Windows has no quota of that name


@contextmanager
def atomic_open(
    path: str | os.PathLike, mode: str = "wb", encoding: str | None = None
) -> Iterator[IO]:
    """Open a file for writing that takes its name only once it is complete and on disk.

    It is written as ``.<name>.<random>.tmp`` in the same folder (made if missing), flushed to
    disk, then renamed over ``path``. If the block raises, ``path`` stays as it was. A killed
    process can leave the temporary file behind; nothing takes that for a checkpoint.

    Args:
        path: The final path. Through a symbolic link, the file that it points to is replaced.
        mode: ``'w'`` or ``'wb'``.
        encoding: For text; UTF-8 where it is not said, not what the machine has.

    Raises:
        ValueError: Another mode.
        OSError: The folder cannot be written to; DiskFullError where its disk is full.
    """
    if mode not in ("w", "wb"):
        raise ValueError(f"mode must be 'w' or 'wb', not {mode!r}")
    if mode == "w" and encoding is None:
        encoding = "utf-8"
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        # "x" and not tempfile: the permissions then follow the umask as those of any file.
        with open(temporary, mode.replace("w", "x"), encoding=encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException as error:  # also Ctrl-C: leave nothing behind if we still can
        with contextlib.suppress(OSError):
            temporary.unlink()
        if _is_full(error):
            raise DiskFullError(
                f"the disk of {target.parent} is full, so {target.name} was not written; what was "
                "there before is whole: make room, and go on with --resume"
            ) from error
        raise
    _sync_folder(target.parent)


def _is_full(error: BaseException | None) -> bool:
    """Also where torch's writer put an error of its own on top."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def _sync_folder(folder: Path) -> None:
    """Put the renaming itself on disk, where the system can (not every file system does)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
