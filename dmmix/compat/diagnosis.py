"""Is a checkpoint file damaged? Answered from its bytes, without unpickling anything."""

import os
import pickletools
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["find_damage"]

#: The first of the five pickles that a checkpoint in torch's format before 1.6 begins with.
_OLD_FORMAT_MAGIC = 0x1950A86A20F9469CFC6C
_OLD_FORMAT_PICKLES = 5
_ZIP_MAGIC = b"PK\x03\x04"


def find_damage(file: str | os.PathLike | IO[bytes]) -> str | None:
    """Say what is broken in a file that ``torch.load`` could not read.

    Args:
        file: A path, or a binary file object that can seek (its position is kept).

    Returns:
        The damage in a few words, or None where the structure is whole.

    Raises:
        OSError: The file cannot be opened.
    """
    with _opened(file) as stream:
        head = stream.read(len(_ZIP_MAGIC))
        stream.seek(0)
        if not head:
            return "the file is empty"
        return _zip_damage(stream) if head == _ZIP_MAGIC else _pickles_damage(stream)


@contextmanager
def _opened(file: str | os.PathLike | IO[bytes]) -> Iterator[IO[bytes]]:
    if isinstance(file, str | os.PathLike):
        with Path(file).open("rb") as stream:
            yield stream
    else:
        position = file.tell()
        file.seek(0)
        try:
            yield file
        finally:
            file.seek(position)


def _zip_damage(stream: IO[bytes]) -> str | None:
    try:
        with zipfile.ZipFile(stream) as archive:
            broken = archive.testzip()
            if broken is not None:
                return f"the checksum of {broken} does not match"
            pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
            if not pickles:
                return "the archive has no data.pkl"
            with archive.open(pickles[0]) as content:
                return _pickle_damage(content)
    # zipfile meets arbitrary bytes here: RuntimeError for what they say is encrypted, and so on.
    except Exception as error:
        return f"the archive is incomplete ({error})"


def _pickles_damage(stream: IO[bytes]) -> str | None:
    first: list = []
    damage = _pickle_damage(stream, first)
    if damage is None and _OLD_FORMAT_MAGIC in first:
        for _ in range(_OLD_FORMAT_PICKLES - 1):
            damage = damage or _pickle_damage(stream)
    return damage


def _pickle_damage(stream: IO[bytes], arguments: list | None = None) -> str | None:
    """Step over one pickle (nothing is built); collect its literal arguments."""
    try:
        for _, argument, _ in pickletools.genops(stream):
            if arguments is not None:
                arguments.append(argument)
    except Exception as error:  # genops meets arbitrary bytes here and raises all sorts
        return f"the pickle stream is broken ({error})"
    return None
