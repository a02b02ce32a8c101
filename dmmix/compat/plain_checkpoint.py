"""Checkpoints as stock ``torch.load(weights_only=True)`` reads them, and back for mmengine.

What mmengine saves holds classes of its own (log histories), of NumPy's and of its configs.
:func:`to_plain` writes them as tensors, numbers, strings, lists and dicts;
:func:`for_mmengine` makes the log histories again where mmengine looks for them.
"""

import inspect
import logging
import os
from collections import Counter, OrderedDict
from collections.abc import Mapping
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log

_HISTORY = {"log_history", "count_history", "max_length"}
_AS_THEY_ARE = (
    *(type(None), bool, int, float, complex, str, bytes, bytearray),
    *(torch.Tensor, torch.nn.Parameter, torch.Size, torch.dtype, torch.device),
)


def to_plain(checkpoint: Any) -> Any:
    """A copy whose containers and numbers are Python's own; tensors are not copied.

    A log history becomes a dict of two tensors and its greatest length; an array of numbers a
    tensor, one of strings a list; a number of NumPy's one of Python's; a path its text. A function
    (the curve of a one-cycle schedule) is left out: who resumes makes it from the config.

    What has no plain form stays as it is, with a warning that names it.
    """
    return _plain(checkpoint, "checkpoint")


def _plain(value: Any, where: str) -> Any:
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, HistoryBuffer):
        log, count = (_array(part) for part in value.data)
        return {"log_history": log, "count_history": count, "max_length": int(value.max_length)}
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, np.longdouble):
        return float(value)
    if isinstance(value, np.generic):
        return _plain(value.item(), where)
    if isinstance(value, Mapping):
        return _dict(value, where)
    if isinstance(value, set | frozenset):
        return {_plain(part, where) for part in value}
    if isinstance(value, tuple):
        return tuple(_plain(part, f"{where}[{k}]") for k, part in enumerate(value))
    if isinstance(value, list) or type(value).__name__ == "deque":
        return [_plain(part, f"{where}[{k}]") for k, part in enumerate(value)]
    kind: Any
    for kind in (str, bool, int, float, complex, bytes):  # enumerations and the like
        if isinstance(value, kind):
            return kind.__new__(kind, value.value if hasattr(value, "value") else value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if not isinstance(value, torch.Tensor):
        print_log(
            f"{where} is saved as {type(value).__module__}.{type(value).__qualname__}, which "
            "torch.load(weights_only=True) does not read, and dmmix only after "
            "allow_checkpoint_class: save numbers, strings, lists, dicts or tensors there",
            logger="current",
            level=logging.WARNING,
        )
    return value


def _dict(value: Mapping, where: str) -> dict:
    made: Any = type(value)() if type(value) in (OrderedDict, Counter) else {}
    for key, part in value.items():
        if not inspect.isroutine(part):
            made[_plain(key, where)] = _plain(part, f"{where}[{key!r}]")
    if hasattr(value, "_metadata") and isinstance(made, OrderedDict):
        # The versions of the modules, PyTorch's.
        made._metadata = value._metadata  # type: ignore[attr-defined]
    return made


def _array(value: np.ndarray) -> Any:
    if value.dtype.kind in "biufc" and value.dtype.itemsize <= 16:
        native = np.array(value, dtype=value.dtype.newbyteorder("="), order="C")
        try:
            return torch.from_numpy(native)
        except TypeError:  # a long double
            pass
    return _plain(value.tolist(), "an array")


def for_mmengine(checkpoint: Any) -> Any:
    """The same checkpoint, with log histories in its message hub where their plain forms were.

    Raises:
        UnpicklingError: one that is no log history.
    """
    hub = checkpoint.get("message_hub") if isinstance(checkpoint, dict) else None
    scalars = hub.get("log_scalars") if isinstance(hub, dict) else None
    if isinstance(scalars, dict):
        for name, history in scalars.items():
            if isinstance(history, dict) and set(history) == _HISTORY:
                scalars[name] = _history(history)
    return checkpoint


def _history(plain: dict) -> HistoryBuffer:
    parts = [_column(plain[name]) for name in ("log_history", "count_history")]
    length = plain["max_length"]
    if type(length) is not int or length < 1 or len(parts[0]) != len(parts[1]):
        raise UnpicklingError("a log history whose parts do not go together")
    return HistoryBuffer(*parts, max_length=length)


def _column(values: Any) -> np.ndarray:
    column = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values
    column = np.asarray(column) if type(column) in (list, np.ndarray) else None
    if column is None or column.ndim != 1 or column.dtype.kind not in "biuf":
        raise UnpicklingError("a log history of what are no numbers")
    return column
