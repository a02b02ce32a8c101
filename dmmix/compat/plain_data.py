"""What may come out of a file: numbers, strings, arrays, tensors, and containers of these."""

import numbers
from collections import Counter, OrderedDict
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

#: Deeper nesting is no checkpoint's, and Python's own functions crash on it.
_MAX_DEPTH = 200
_MAX_KEY_PARTS = 64
_SCALARS = (type(None), bool, int, float, complex, str, bytes)
_LEAVES = (
    *_SCALARS,
    *(bytearray, np.ndarray, torch.Tensor, torch.nn.Parameter, torch.Size, torch.dtype),
    torch.device,
)
_DICTS = (dict, OrderedDict, Counter)
_LISTS = (list, tuple, set, frozenset)


def check_key(key: Any) -> Any:
    """A key of a dict or a member of a set: a scalar, or a short tuple of scalars.

    The hash of what is nested deeply crashes the interpreter.

    Raises:
        UnpicklingError: anything else.
    """
    parts = key if type(key) is tuple and len(key) <= _MAX_KEY_PARTS else [key]
    for part in parts:
        if type(part) not in _SCALARS and not isinstance(part, np.generic):
            raise UnpicklingError(f"a {type(part).__name__} as a key is not allowed")
    return key


def check_plain(value: Any, others: tuple[type, ...] = ()) -> None:
    """Go through a value to its last part.

    Args:
        value: what was read.
        others: further types that are taken as they are.

    Raises:
        UnpicklingError: it contains something else than data, contains itself, or is nested more
            than 200 deep.
    """
    # By hand, not by recursion: the depth is the file's.
    path: list[Any] = []
    on_path: set[int] = set()
    heights: dict[int, int] = {}  # of the containers that are done
    todo = [(value, False)]
    while todo:
        part, leaving = todo.pop()
        if leaving:
            children = [heights.get(id(child), 0) for child in _children(part)]
            heights[id(part)] = 1 + max(children, default=0)
            on_path.discard(id(path.pop()))
            if heights[id(part)] > _MAX_DEPTH:
                raise UnpicklingError(f"something nested more than {_MAX_DEPTH} deep")
        elif type(part) in _LEAVES or isinstance(part, np.generic) or type(part) in others:
            continue
        elif type(part) not in (*_DICTS, *_LISTS):
            raise UnpicklingError(_unfit(part))
        elif id(part) in on_path:
            raise UnpicklingError("something that contains itself")
        elif id(part) not in heights:
            path.append(part)
            on_path.add(id(part))
            todo.append((part, True))
            todo.extend((child, False) for child in _children(part))


def _children(container: Any) -> Any:
    return container.values() if type(container) in _DICTS else container


def _unfit(part: Any) -> str:
    from dmmix.compat.unpickling import Name, Open

    if type(part) is Name:
        return f"{part}, a name that nothing is made of"
    if isinstance(part, Open):
        return "a value without its content"
    if isinstance(part, numbers.Number):
        return f"a number of type {type(part).__name__}"
    return f"a {type(part).__name__}"
