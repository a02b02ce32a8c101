"""Arrays out of npz files: read, or mapped where they lie. Nothing is ever unpickled."""

from __future__ import annotations

import os
import zipfile
import zlib
from types import TracebackType
from typing import IO, Literal, NamedTuple

import numpy as np

from dmmix.datasets.arrays.mapped_array import MappedArray
from dmmix.datasets.messages import near_names

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, RuntimeError)


class ArrayHeader(NamedTuple):
    """What an npy header says, and where the data is: ``None`` if it is compressed."""

    shape: tuple[int, ...]
    dtype: np.dtype
    order: Literal["C", "F"]
    offset: int | None

    @property
    def nbytes(self) -> int:
        """Size of the data."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


class NpzArrays:
    """An open npz file; a context manager.

    Raises:
        FileNotFoundError: there is no such file; the message has names near it.
        ValueError: it is no npz file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        if os.path.isdir(path):
            raise ValueError(f"{path} is a folder, not an npz file")
        if not os.path.exists(path):
            raise FileNotFoundError(f"{path} does not exist{near_names(path)}")
        self._file = open(path, "rb")  # noqa: SIM115 - closed by __exit__
        try:
            start = self._file.read(6)
            self._zip = zipfile.ZipFile(self._file)
        except zipfile.BadZipFile as error:
            self._file.close()
            what = "a single array (npy)" if start == b"\x93NUMPY" else f"no zip archive ({error})"
            raise ValueError(
                f"{path} is not an npz file but {what}; write one with "
                "np.savez(path, x_train=..., y_train=...)"
            ) from None

    def __enter__(self) -> NpzArrays:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()
        self._file.close()

    @property
    def names(self) -> list[str]:
        """Names of the arrays in the file."""
        return [name[:-4] for name in self._zip.namelist() if name.endswith(".npy")]

    def require(self, *names: str) -> None:
        """Raises KeyError unless the arrays are there."""
        missing = [name for name in names if name not in self.names]
        if missing:
            raise KeyError(
                f"{self.path} has no {' and no '.join(missing)}: wanted {list(names)}, found "
                f"{self.names}"
            )

    def header(self, name: str) -> ArrayHeader:
        """Shape and type of an array, without reading it.

        Raises ValueError where the array holds Python objects, or the file is damaged.
        """
        info = self._zip.getinfo(f"{name}.npy")
        try:
            with self._zip.open(info) as member:
                shape, fortran, dtype = _read_header(member)
                length = member.tell()
            offset = None
            if info.compress_type == zipfile.ZIP_STORED:
                offset = self._start(info) + length
        except _DAMAGE as error:
            raise self._damaged(name, error) from error
        if dtype.hasobject:
            raise ValueError(
                f"{self.path}: {name} holds Python objects; they would have to be unpickled, which "
                "can run any code, and is refused. Save numbers, and names as np.array(names, "
                "dtype=str)"
            )
        return ArrayHeader(shape, dtype, "F" if fortran else "C", offset)

    def _start(self, info: zipfile.ZipInfo) -> int:
        """First byte of a member, after its local header; zipfile does not tell its length."""
        self._file.seek(info.header_offset)
        header = self._file.read(30)
        if header[:4] != b"PK\x03\x04":
            raise zipfile.BadZipFile("no local header where the directory has one")
        lengths = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        return info.header_offset + 30 + sum(lengths)

    def read(self, name: str) -> np.ndarray:
        """An array, in memory; its checksum is compared. Raises as :meth:`header`."""
        self.header(name)
        try:
            with self._zip.open(f"{name}.npy") as member:
                return np.lib.format.read_array(member, allow_pickle=False)
        except _DAMAGE as error:
            raise self._damaged(name, error) from error

    def map(self, name: str, shape: tuple[int, ...] | None = None) -> MappedArray:
        """An array that stays in the file; ``shape`` may have axes of length 1 more or fewer.

        Raises ValueError as :meth:`header`, and where the array is compressed.
        """
        header = self.header(name)
        if header.offset is None:
            raise ValueError(
                f"{self.path}: {name} is compressed and cannot be mapped; write the file with "
                "np.savez instead of np.savez_compressed, or leave out mmap=True"
            )
        return MappedArray(
            self._file, header.offset, shape or header.shape, header.dtype, header.order
        )

    def _damaged(self, name: str, error: Exception) -> ValueError:
        return ValueError(f"{self.path}: {name} cannot be read ({error})")


def _read_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(member)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(member)
    # Version 3 is for structured types whose fields have names outside of latin-1.
    raise ValueError(f"npy format {version}")
