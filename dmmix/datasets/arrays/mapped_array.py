"""An array that stays in its file."""

from __future__ import annotations

import os
from typing import BinaryIO, Literal

import numpy as np


class MappedArray:
    """An array in a file, of which only the rows that are asked for are read.

    Pickled, it is the place in the file and not what is there: processes that get it map the
    file for themselves and share its pages.

    Args:
        file: the file, open for reading in binary; it may be closed afterwards.
        offset: of the first byte of the array.
        shape: of the array; the first axis is the rows.
        dtype: of the array.
        order: ``'C'`` or ``'F'``, as for NumPy.

    Raises:
        ValueError: the file is too short.
    """

    def __init__(
        self,
        file: BinaryIO,
        offset: int,
        shape: tuple[int, ...],
        dtype: np.dtype,
        order: Literal["C", "F"] = "C",
    ) -> None:
        self.path = os.path.abspath(file.name)
        self._place = (offset, shape, np.dtype(dtype), order)
        self._stamp = _stamp(os.fstat(file.fileno()))
        self._rows: np.ndarray | None = None
        self._open(file)

    def _open(self, file: BinaryIO) -> None:
        offset, shape, dtype, order = self._place
        end = offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if self._stamp[0] < end:
            raise ValueError(
                f"{self.path} is cut off: the array ends at byte {end}, the file has "
                f"{self._stamp[0]}"
            )
        mapped = np.memmap(file, dtype=dtype, mode="r", offset=offset, shape=shape, order=order)
        self._array = mapped.view(np.ndarray)

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, ...), of the rows that are in use."""
        return (len(self), *self._array.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        """Of the elements."""
        return self._array.dtype

    @property
    def nbytes(self) -> int:
        """Size of the rows in use."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def __len__(self) -> int:
        return len(self._array if self._rows is None else self._rows)

    def subset(self, rows: np.ndarray) -> MappedArray:
        """The same file, with these rows (integers, in the order given) for all of them."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._rows = rows if self._rows is None else self._rows[rows]
        return other

    def take(self, index: int | slice | np.ndarray) -> np.ndarray:
        """A copy of the rows that ``index`` picks; raises as :meth:`check_unchanged`."""
        self.check_unchanged()
        rows = index if self._rows is None else self._rows[index]
        return np.array(self._array[rows])

    def part(self, start: int, end: int) -> np.ndarray:
        """The rows from ``start`` to ``end`` of the file, not copied; raises as
        :meth:`check_unchanged`."""
        self.check_unchanged()
        return self._array[start:end]

    def check_unchanged(self) -> None:
        """Compares size and time of the file with those when it was mapped.

        Reading a map whose file has become shorter ends the process with SIGBUS, and one whose
        file was written again gives a mixture of old and new.

        Raises:
            RuntimeError: they differ, or the file is gone.
        """
        try:
            now = _stamp(os.stat(self.path))
        except FileNotFoundError:
            raise RuntimeError(f"{self.path} was removed while it was mapped") from None
        if now != self._stamp:
            raise RuntimeError(
                f"{self.path} changed while it was mapped (size {self._stamp[0]} -> {now[0]} "
                f"bytes, modified {self._stamp[1]} -> {now[1]} ns): start again, or read it into "
                "memory with mmap=False"
            )

    def __getstate__(self) -> dict:
        return {key: value for key, value in vars(self).items() if key != "_array"}

    def __setstate__(self, state: dict) -> None:
        vars(self).update(state)
        self.check_unchanged()
        with open(self.path, "rb") as file:
            self._open(file)


def _stamp(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_size, stat.st_mtime_ns
