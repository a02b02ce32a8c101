"""Unpacking, of archives that nobody vouches for."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, Any

from .entries import Guard
from .errors import PreparationError
from .progress import bar

__all__ = ["unpack"]

_CHUNK = 1 << 18
_FINISHED = ".finished"


def unpack(archive: str, folder: str, limit: int, tars: bool = False) -> None:
    """Unpacks a zip or tar file into ``folder``; only plain files and folders.

    A file that is there with the size that the archive states is left as it is: an unpacking that
    was killed goes on when it is started again.

    Args:
        archive: its path; what it is, is seen from its content.
        folder: made if missing. After an error it holds what was unpacked so far.
        limit: so many bytes may come out of it.
        tars: the files in it are tar files themselves: each is unpacked into a folder with its
            name.

    Raises:
        PreparationError: it is none, damaged, cut off, or has an entry that is not allowed.
    """
    os.makedirs(folder, exist_ok=True)
    guard = Guard(archive, folder, limit)
    size = os.path.getsize(archive)
    title = f"unpacking {os.path.basename(archive)}"
    try:
        with open(archive, "rb") as file:
            is_zip = file.read(4) == b"PK\3\4"
        if is_zip:
            _unzip(archive, guard, title)
        else:
            with bar(title, size) as advance, open(archive, "rb") as file:
                if tars:
                    _untar_tars(file, guard, advance)
                else:
                    _untar_stream(file, guard, advance)
    except (zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise PreparationError(f"{archive} is cut off or damaged: {error}") from error
    except (EOFError, zlib.error, tarfile.TarError) as error:
        reason = "is cut off or damaged" if guard.total else "is no zip or tar file, or damaged"
        raise PreparationError(f"{archive} {reason}: {error}") from error
    except OSError as error:
        where = error.filename or archive
        raise PreparationError(f"{where}: {error.strerror or error}") from error


def _untar_stream(file: IO[bytes], guard: Guard, advance: Callable[[int], None]) -> None:
    """An archive that is read once, from its beginning to its end."""
    is_gzip = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    watched: Any = _Watched(file, advance)  # read from beginning to end, it needs no more
    if not is_gzip:
        with tarfile.open(fileobj=watched, mode="r|*") as tar:
            _untar(tar, guard)
        return
    with gzip.GzipFile(fileobj=watched) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            _untar(tar, guard)
        # To the end, where the checksum is; tarfile stops before it.
        left = guard.limit
        while left > 0 and (chunk := stream.read(_CHUNK)):
            left -= len(chunk)


def _untar(tar: tarfile.TarFile, guard: Guard, inside: str = "") -> None:
    for member in tar:
        if not (member.isdir() or member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)):
            raise guard.refuse(member.name, _kind(member))
        if member.issparse():
            raise guard.refuse(member.name, "a sparse file")
        path = guard.place(member.name, member.isdir(), member.size, inside)
        if path is None:
            continue
        if member.isdir():
            os.makedirs(path, exist_ok=True)
            continue
        content: Any = tar.extractfile(member)  # of a file, so it is one
        _write(path, content, member.size, guard)


def _kind(member: tarfile.TarInfo) -> str:
    if member.issym() or member.islnk():
        return f"a link to {member.linkname!r}"
    return "a device" if member.isdev() else f"of the unknown type {member.type!r}"


def _untar_tars(file: IO[bytes], guard: Guard, advance: Callable[[int], None]) -> None:
    """Archives in an archive that is not compressed: those that are finished are passed over."""
    journal = os.path.join(guard.folder, _FINISHED)
    finished = set()
    if os.path.exists(journal):
        with open(journal, encoding="utf-8") as lines:
            finished = set(lines.read().splitlines())
    with (
        tarfile.open(fileobj=file, mode="r:") as outer,
        open(journal, "a", encoding="utf-8") as done,
    ):
        for member in outer:
            if not member.isreg() or not member.name.endswith(".tar"):
                raise guard.refuse(member.name, "no tar file")
            inside = os.path.basename(member.name)[:-4]
            folder = guard.place(inside, True, 0)
            if folder is None:
                raise guard.refuse(member.name, "a tar file without a name")
            if inside not in finished:
                os.makedirs(folder, exist_ok=True)
                with tarfile.open(fileobj=outer.extractfile(member), mode="r|") as inner:
                    _untar(inner, guard, inside)
                done.write(f"{inside}\n")
                done.flush()
            advance(member.size)
    os.unlink(journal)


def _unzip(archive: str, guard: Guard, title: str) -> None:
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        places = []
        for member in members:  # all of them, before the first is written
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                what = "a link" if kind == stat.S_IFLNK else "a device"
                raise guard.refuse(member.filename, what)
            if member.flag_bits & 1:
                raise guard.refuse(member.filename, "encrypted")
            places.append(guard.place(member.orig_filename, member.is_dir(), member.file_size))
        with bar(title, sum(member.file_size for member in members)) as advance:
            for member, path in zip(members, places, strict=True):
                if path is not None and member.is_dir():
                    os.makedirs(path, exist_ok=True)
                elif path is not None:
                    try:
                        with file.open(member) as content:
                            _write(path, content, member.file_size, guard)
                    except (NotImplementedError, RuntimeError) as error:
                        raise PreparationError(f"{archive}: {member.filename}: {error}") from error
                advance(member.file_size)


def _write(path: str, content: IO[bytes], size: int, guard: Guard) -> None:
    """Writes a file of ``size`` bytes, unless it is there already."""
    if os.path.isfile(path) and os.path.getsize(path) == size:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    left = size
    with open(path, "wb") as file:
        while chunk := content.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                break
            file.write(chunk)
    if left:
        more = "fewer" if left > 0 else "more"
        raise PreparationError(
            f"{guard.archive} is cut off or damaged: {os.path.relpath(path, guard.folder)} has "
            f"{more} bytes than it says"
        )


class _Watched:
    """A file that tells how far it has been read."""

    def __init__(self, file: IO[bytes], advance: Callable[[int], None]) -> None:
        self._file = file
        self._advance = advance

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._advance(len(data))
        return data
