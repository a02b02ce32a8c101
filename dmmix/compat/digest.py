"""A digest of the whole file, as the comment of the zip archive that ``torch.save`` writes.

``torch.load`` and every other reader of zip archives pass over the comment. A checksum a record, as
archives have, covers neither the directory nor what lies between the records.
"""

import hashlib
import io
import re
from typing import Any

_LABEL = b"dmmix sha256 "
_HEX = 64
_LENGTH = len(_LABEL) + _HEX
_END = b"PK\x05\x06"  # the archive's last record; its last two bytes are the comment's length
_END_SIZE = 22
_CHUNK = 1 << 22
_HELD = 1 << 18


class DigestWriter:
    """A binary file that puts the digest in on :meth:`finish`; everything else passes through.

    ``torch.save`` writes some hundred pieces of a few bytes: they are collected.
    """

    def __init__(self, file: Any) -> None:
        self._file, self._hash, self._held = file, hashlib.sha256(), bytearray()

    def write(self, data: Any) -> int:
        """Writes, sooner or later; the last two bytes so far on :meth:`finish` alone."""
        self._held += data
        if len(self._held) > _HELD:
            self._put(2)
        return len(data)

    def flush(self) -> None:
        """Flushes what is written."""
        self._file.flush()

    def finish(self) -> None:
        """Writes the comment with the digest of all that is before it."""
        if self._held[-2:] != b"\0\0":  # no archive without a comment: nowhere to put a digest
            self._put(0)
            return
        self._put(2)
        self._held[:] = _LENGTH.to_bytes(2, "little") + _LABEL
        self._put(0)
        self._file.write(self._hash.hexdigest().encode())

    def _put(self, keep: int) -> None:
        """Writes what is held, but for so many bytes at the end."""
        end = len(self._held) - keep
        with memoryview(self._held)[:end] as data:
            self._hash.update(data)
            self._file.write(data)
        del self._held[:end]


def has_digest(file: Any) -> bool:
    """Whether a binary file ends with the digest that dmmix writes."""
    return _stated(file) is not None


def digest_damage(file: Any) -> str | None:
    """What differs from the digest in the file; None: nothing, or an archive without one.

    Args:
        file: binary file that can seek; read from its position, which is kept.
    """
    stated = _stated(file)
    if stated is None:
        return _strange_end(file)
    position = file.tell()
    left = file.seek(0, io.SEEK_END) - position - _HEX
    file.seek(position)
    found = hashlib.sha256()
    while left > 0:
        data = file.read(min(left, _CHUNK))
        if not data:
            break
        found.update(data)
        left -= len(data)
    file.seek(position)
    return None if found.hexdigest() == stated else "its content is not what was written (SHA-256)"


def _end_of(file: Any, count: int) -> bytes:
    position = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(max(position, size - count))
    end = file.read(count)
    file.seek(position)
    return end


def _stated(file: Any) -> str | None:
    end = _end_of(file, _LENGTH)
    found = re.fullmatch(re.escape(_LABEL) + rb"([0-9a-f]{64})", end)
    return found[1].decode() if found else None


def _strange_end(file: Any) -> str | None:
    """An archive of torch.save has no comment but ours: another is ours, damaged."""
    position = file.tell()
    head = file.read(len(_END))
    file.seek(position)
    end = _end_of(file, _END_SIZE)
    if not head.startswith(b"PK\x03\x04") or (end[:4] == _END and end[-2:] == b"\0\0"):
        return None
    return "the archive does not end as one of torch.save or of dmmix"
