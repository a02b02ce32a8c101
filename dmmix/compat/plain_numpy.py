"""NumPy arrays and scalars out of pickles, rebuilt from a dtype's letters and the exact bytes.

A pickled array names private functions of NumPy, under ``numpy.core`` when NumPy 1 wrote it and
under ``numpy._core`` when NumPy 2 did. None of them is called. Numbers and strings only: an array
of Python objects would take the file's bytes for addresses.
"""

import math
import re
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import numpy as np

from dmmix.compat.unpickling import Name, Open

_CODE = re.compile(r"(b1|[iu][1248]|f(2|4|8|12|16)|c(8|16|24|32)|[SU]\d{1,9})")
_ORDERS = ("<", ">", "=", "|")
_LAST_CHARACTER = 0x10FFFF


class _Dtype(Open):
    """A dtype: its letters now, its byte order with the state."""

    def __init__(self, code: str) -> None:
        self.code = code

    def finish(self, state: Any) -> "_Plain":
        # (version, order, sub-array, names, fields, and sizes, which follow from the letters)
        fits = type(state) is tuple and len(state) in (7, 8)
        if not fits or any(part is not None for part in state[2:5]) or state[1] not in _ORDERS:
            raise UnpicklingError("a NumPy dtype with fields is not allowed")
        return _Plain(np.dtype(f"{state[1]}{self.code}"))


class _Plain:
    """A finished dtype, which stands in nothing but arrays."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype


class _Array(Open):
    """An array; everything comes with the state."""

    def finish(self, state: Any) -> np.ndarray:
        if type(state) is not tuple or len(state) != 5:
            raise UnpicklingError("a NumPy array with an unknown state is not allowed")
        _, shape, dtype, fortran, content = state
        if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
            raise UnpicklingError("a NumPy array with a wrong shape is not allowed")
        flat = _read(dtype, content, math.prod(shape))
        return flat.reshape(shape, order="F" if fortran is True or fortran == 1 else "C")


def _dtype(spec: Any = None, align: Any = False, copy: Any = False) -> _Dtype:
    if type(spec) is bytes:
        spec = spec.decode("latin-1")
    if type(spec) is not str or not _CODE.fullmatch(spec):
        raise UnpicklingError(f"a NumPy dtype {_short(spec)} is not allowed, only numbers, strings")
    return _Dtype(spec)


def _reconstruct(subtype: Any = None, shape: Any = None, code: Any = None) -> _Array:
    if type(subtype) is not Name or subtype.full != "numpy.ndarray":
        raise UnpicklingError(f"a NumPy array of class {_short(subtype)} is not allowed")
    return _Array()


def _scalar(dtype: Any = None, content: Any = b"") -> np.generic:
    if type(dtype) is _Plain and dtype.dtype.itemsize == 0:  # the empty string
        return dtype.dtype.type()
    return _read(dtype, content, 1)[0]


def _read(dtype: Any, content: Any, count: int) -> np.ndarray:
    """``count`` values, and not a byte more or less; an array of its own, writable."""
    if type(dtype) is not _Plain:
        raise UnpicklingError(f"a NumPy array of {_short(dtype)} is not allowed")
    if type(content) is str:  # Python 2's
        content = content.encode("latin-1")
    dtype = dtype.dtype
    if type(content) is not bytes or dtype.itemsize == 0 or len(content) != count * dtype.itemsize:
        raise UnpicklingError("a NumPy array whose content has another size than it says")
    flat = np.frombuffer(content, dtype=dtype).copy()
    if dtype.kind == "U":
        # What is no character would raise wherever the string is looked at.
        codes = flat.view(np.dtype("u4").newbyteorder(dtype.byteorder))
        if codes.size and codes.max() > _LAST_CHARACTER:
            raise UnpicklingError("a NumPy string of what are no characters")
    return flat != 0 if dtype.kind == "b" else flat  # a byte of 2 is neither true nor false


def _short(value: Any) -> str:
    return repr(value)[:60] if type(value) in (str, Name) else f"a {type(value).__name__}"


#: What a name of NumPy makes; None: it stands in the arguments of others only.
NUMPY: dict[str, Callable | None] = {
    "numpy.dtype": _dtype,
    "numpy.ndarray": None,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray.scalar": _scalar,
}
