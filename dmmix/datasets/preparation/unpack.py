"""Unpacking, of archives that nobody vouches for.

:mod:`tarfile`, with its filter for data, and :mod:`zipfile` write nothing outside of the folder.
Here, links and devices are refused as well, and archives out of which more would come than was
published; a file that is there already is not written again.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from .errors import PreparationError, RefusedEntryError
from .progress import bar, watched

_CHUNK = 1 << 18
_FINISHED = ".finished"
#: More files than the largest of the data sets has, twice.
_MOST_FILES = 3_000_000


def unpack(archive: str, folder: str, limit: int, tars: bool = False) -> None:
    """Unpacks a zip or tar file into ``folder``; only plain files and folders.

    A file that is there with the size that the archive states is left as it is: an unpacking that
    was killed goes on when it is started again.

    Args:
        archive: its path; what it is, is seen from its content.
        folder: made if missing. After an error it holds what was unpacked so far.
        limit: so many bytes may come out of it.
        tars: the files in it are tar files: each is unpacked into a folder with its name.

    Raises:
        PreparationError: it is none, damaged, cut off, or has an entry that is not allowed.
    """
    if not hasattr(tarfile, "data_filter"):
        raise PreparationError("tarfile of this Python cannot refuse entries: take 3.11.4 or later")
    os.makedirs(folder, exist_ok=True)
    guard = _Guard(archive, limit)
    title = f"unpacking {os.path.basename(archive)}"
    try:
        with open(archive, "rb") as file:
            start = file.read(4)
        if start == b"PK\3\4":
            _unzip(archive, folder, guard, title)
        else:
            with watched(title, archive) as file:
                if tars:
                    _untar_tars(file, folder, guard)
                else:
                    _untar_stream(file, start.startswith(b"\x1f\x8b"), folder, guard)
    except tarfile.FilterError as error:
        raise RefusedEntryError(f"{archive}: entry {error}") from error
    except (zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise PreparationError(f"{archive} is cut off or damaged: {error}") from error
    except (EOFError, zlib.error, tarfile.TarError) as error:
        reason = "is cut off or damaged" if guard.files else "is no zip or tar file, or damaged"
        raise PreparationError(f"{archive} {reason}: {error}") from error
    except OSError as error:
        where = error.filename or archive
        raise PreparationError(f"{where}: {error.strerror or error}") from error


class _Guard:
    """Looks at each entry of an archive before anything of it is written."""

    def __init__(self, archive: str, limit: int) -> None:
        self.archive = archive
        self.limit = limit
        self.bytes = self.files = 0

    def wants(self, name: str, size: int) -> bool:
        """Whether an entry is to be unpacked (not a Mac's notes about a file), if not too many."""
        self.bytes += size
        self.files += 1
        if size < 0 or self.bytes > self.limit:
            raise RefusedEntryError(
                f"{self.archive}: more than {self.limit:,} bytes would come out of it (at entry "
                f"{name!r}): it is not what was published"
            )
        if self.files > _MOST_FILES:
            raise RefusedEntryError(f"{self.archive}: it has more than {_MOST_FILES:,} entries")
        parts = name.split("/")
        return "__MACOSX" not in parts and not parts[-1].startswith("._")

    def refuse(self, name: str, what: str) -> RefusedEntryError:
        """The error for an entry that is not allowed."""
        return RefusedEntryError(f"{self.archive}: entry {name!r} {what}")


def _is_there(path: str, size: int) -> bool:
    return os.path.isfile(path) and os.path.getsize(path) == size


def _untar_stream(file: IO[bytes], is_gzip: bool, folder: str, guard: _Guard) -> None:
    """An archive that is read once, from its beginning to its end."""
    if not is_gzip:
        with tarfile.open(fileobj=file, mode="r|") as tar:
            _untar(tar, folder, guard)
        return
    with gzip.GzipFile(fileobj=file) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            _untar(tar, folder, guard)
        # To the end, where the checksum is; tarfile stops before it.
        left = guard.limit
        while left > 0 and (chunk := stream.read(_CHUNK)):
            left -= len(chunk)


def _untar(tar: tarfile.TarFile, folder: str, guard: _Guard) -> None:
    def plain(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        if not (member.isreg() or member.isdir()):
            kind = "device" if member.isdev() else f"link to {member.linkname!r}"
            raise guard.refuse(member.name, f"is a {kind}; only files and folders are unpacked")
        member = tarfile.data_filter(member, path)
        if member.isreg() and _is_there(os.path.join(path, member.name), member.size):
            return None
        # Permissions and times are those of a file that is written now.
        return member.replace(mode=None, mtime=None, deep=False)  # type: ignore[arg-type]

    for member in tar:
        if guard.wants(member.name, member.size):
            tar.extract(member, folder, filter=plain)


def _untar_tars(file: IO[bytes], folder: str, guard: _Guard) -> None:
    """Archives in an archive that is not compressed: those that are finished are passed over."""
    journal = Path(folder, _FINISHED)
    finished = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
    with (
        tarfile.open(fileobj=file, mode="r:") as outer,
        journal.open("a", encoding="utf-8") as done,
    ):
        for member in outer:
            inside = os.path.basename(member.name).removesuffix(".tar")
            if not member.isreg() or not member.name.endswith(".tar") or inside in ("", ".", ".."):
                raise guard.refuse(member.name, "is no tar file of a class")
            if inside not in finished:
                with tarfile.open(fileobj=outer.extractfile(member), mode="r|") as inner:
                    _untar(inner, os.path.join(folder, inside), guard)
                done.write(f"{inside}\n")
                done.flush()
    journal.unlink()


def _unzip(archive: str, folder: str, guard: _Guard, title: str) -> None:
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        wanted = [m for m in members if guard.wants(m.filename, m.file_size)]
        root = Path(folder).resolve()
        for member in wanted:  # all of them, before the first is written
            # zipfile would put it elsewhere in the folder: it is not what was published.
            if not (root / member.filename).resolve().is_relative_to(root):
                raise guard.refuse(member.filename, "leads out of the folder")
        with bar(title, sum(member.file_size for member in wanted)) as advance:
            for member in wanted:
                if not _is_there(os.path.join(folder, member.filename), member.file_size):
                    try:
                        file.extract(member, folder)
                    except (NotImplementedError, RuntimeError) as error:
                        raise PreparationError(f"{archive}: {member.filename}: {error}") from error
                advance(member.file_size)
