"""How NumPy arrays and scalars come out of a checkpoint.

A pickled array names private functions of NumPy, under ``numpy.core`` when NumPy 1 wrote it and
under ``numpy._core`` when NumPy 2 did. Here are stand-ins under both names, so that either NumPy
reads both. They build plain numbers and strings only: arrays of Python objects, and dtypes made of
other dtypes, are refused, because the bytes in the file would be taken for pointers or offsets.
"""

from pickle import UnpicklingError

import numpy as np

__all__ = ["numpy_globals"]

_PLAIN_KINDS = "biufcSU"
_PLAIN_CODES = "?bBhHiIlLqQefdgFDGSU"


def numpy_globals() -> list:
    """Callables and classes to allow, each carrying the name that checkpoints know it by."""
    rebuild = [
        _named(function, module, name)
        for module in ("numpy.core.multiarray", "numpy._core.multiarray")
        for function, name in ((_rebuild_array, "_reconstruct"), (_rebuild_scalar, "scalar"))
    ]
    # torch fills a dtype in only if its class is allowed: the dtype classes, one a number type.
    dtype_classes = {type(np.dtype(code)) for code in _PLAIN_CODES}
    dtype_classes.discard(np.dtype)
    return [
        np.ndarray,
        _named(_rebuild_dtype, "numpy", "dtype"),
        _named(_empty_bytes, "builtins", "bytes"),
        _named(_empty_bytes, "__builtin__", "bytes"),  # the file's name for it, if not translated
        *rebuild,
        *dtype_classes,
    ]


def _named(function, module: str, name: str):
    """A callable of its own that torch's unpickler finds as ``module.name``."""

    def stand_in(*args):
        return function(*args)

    stand_in.__module__ = module
    stand_in.__name__ = stand_in.__qualname__ = name
    return stand_in


def _empty_bytes():
    return b""  # how an array without elements pickles its content; other content is a literal


def _rebuild_dtype(spec, align=False, copy=True):
    # Always a copy: the file fills it in next, and must not reach NumPy's own instance.
    dtype = np.dtype(spec, False, True) if isinstance(spec, str | bytes) else None
    return _plain(dtype, spec)


def _rebuild_array(subtype, shape, code):
    if subtype is not np.ndarray:
        raise UnpicklingError(f"a NumPy array of class {subtype!r} is not allowed")
    return np.ndarray((0,), dtype="b")  # shape, dtype and content follow in the array's state


def _rebuild_scalar(dtype, data=b""):
    _plain(dtype, dtype)
    if dtype.itemsize == 0:  # the empty string
        return dtype.type()
    return np.frombuffer(data, dtype=dtype, count=1)[0]


def _plain(dtype, spec):
    if dtype is None or dtype.kind not in _PLAIN_KINDS or dtype.hasobject:
        raise UnpicklingError(f"a NumPy dtype {spec!r} is not allowed, only numbers and strings")
    return dtype
