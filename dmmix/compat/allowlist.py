"""The classes that a checkpoint may contain, and the time during which torch allows them."""

import threading
from _codecs import encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import serialization

from dmmix.compat.numpy_pickles import numpy_globals

__all__ = ["allow", "allowed"]

#: How bytes, sets and complex numbers are spelled; torch 2.4 does not allow them by itself.
_PLAIN = [encode, set, complex]

_builtin: list[Callable] = []
_added: list[Callable] = []

# torch keeps one list a process. One load at a time: the first to finish would otherwise take the
# entries away from under the others.
_lock = threading.RLock()


def allow(cls):
    """Add ``cls`` to what checkpoints may contain; see :func:`dmmix.compat.allow_checkpoint_class`.

    Raises:
        TypeError: Not a class or function with a module and a name.
    """
    if not callable(cls) or not hasattr(cls, "__module__") or not hasattr(cls, "__qualname__"):
        raise TypeError(f"a class (or function) is needed, not {cls!r}")
    if cls not in _added:
        _added.append(cls)
    return cls


@contextmanager
def allowed() -> Iterator[None]:
    """While open, ``torch.load(weights_only=True)`` accepts our classes beside torch's own.

    Entries that others made, before or meanwhile, stay as they are.
    """
    with _lock:
        present = set(serialization.get_safe_globals())
        ours = [entry for entry in (*_mmengine_classes(), *_added) if entry not in present]
        with _safe_globals(ours):
            yield


def _mmengine_classes() -> list[Callable]:
    # Beyond tensors and plain containers, a training checkpoint of mmengine holds log histories
    # (HistoryBuffer), NumPy numbers and a few methods.
    if not _builtin:
        from mmengine.logging import HistoryBuffer

        from dmmix.compat.narrow_getattr import getattr_globals

        _builtin.extend([HistoryBuffer, *_PLAIN, *numpy_globals(), *getattr_globals()])
    return _builtin


@contextmanager
def _safe_globals(entries: list[Callable]) -> Iterator[None]:
    if hasattr(serialization, "safe_globals"):
        with serialization.safe_globals(entries):
            yield
        return
    serialization.add_safe_globals(entries)  # torch 2.4 has no context for it
    try:
        yield
    finally:
        others = [entry for entry in serialization.get_safe_globals() if entry not in entries]
        serialization.clear_safe_globals()
        serialization.add_safe_globals(others)
