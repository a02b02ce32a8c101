"""What the names in a checkpoint make: a handful of functions from plain data to plain data."""

from collections import Counter, OrderedDict
from collections.abc import Callable
from functools import cache
from pickle import UnpicklingError
from typing import Any

import torch

from dmmix import compat
from dmmix.compat.plain_data import check_key
from dmmix.compat.plain_numpy import NUMPY
from dmmix.compat.plain_tensors import TENSORS
from dmmix.compat.unpickling import Method, Name, Open


class _History(Open):
    """A log history of mmengine, as the dict that dmmix writes for one."""

    def finish(self, state: Any) -> dict:
        if type(state) is not dict:
            raise UnpicklingError("a log history with an unknown state is not allowed")
        kept = {name: state.get(f"_{name}") for name in ("log_history", "count_history")}
        return {**kept, "max_length": state.get("max_length")}


def _history(*args: Any) -> _History:
    if args:
        raise UnpicklingError("a log history is not made with arguments")
    return _History()


def _encode(text: Any = "", encoding: Any = "latin1") -> bytes:
    if type(text) is not str or encoding not in ("latin1", "latin-1", "iso-8859-1"):
        raise UnpicklingError(f"an encoding {encoding!r} is not allowed")
    return text.encode("latin-1")  # how protocol 2 spells bytes


def _bytes(*args: Any) -> bytes:
    if args:
        raise UnpicklingError("bytes of something are not allowed")
    return b""  # how an array without elements pickles its content; other content is a literal


def _bytearray(content: Any = b"", encoding: Any = None) -> bytearray:
    return bytearray(_encode(content, encoding) if encoding is not None else _take(bytes, content))


def _complex(real: Any = 0.0, imaginary: Any = 0.0) -> complex:
    return complex(_take(float, real), _take(float, imaginary))


def _set(members: Any = ()) -> set:
    return set(map(check_key, _take((list, tuple), members)))


def _frozenset(members: Any = ()) -> frozenset:
    return frozenset(_set(members))


def _ordered(pairs: Any = ()) -> OrderedDict:
    made: OrderedDict = OrderedDict()
    for pair in _take((list, tuple), pairs):
        key, value = _take((list, tuple), pair)
        made[check_key(key)] = value
    return made


def _counter(counts: Any = None) -> Counter:
    return Counter({} if counts is None else _take(dict, counts))


def _take(kinds: Any, value: Any) -> Any:
    kinds = kinds if type(kinds) is tuple else (kinds,)
    if type(value) not in kinds:
        raise UnpicklingError(f"a {type(value).__name__} in this place is not allowed")
    return value


_ONE_CYCLE = "mmengine.optim.scheduler.param_scheduler.OneCycleParamScheduler"
_HISTORY = "mmengine.logging.history_buffer.HistoryBuffer"
# A log history pickles the statistics that it offers, a one-cycle schedule its annealing curve,
# and a method pickles as getattr(owner, name). Neither is needed: both are made anew.
_METHODS = {
    (_HISTORY, "min"),
    (_HISTORY, "max"),
    (_HISTORY, "mean"),
    (_HISTORY, "current"),
    (_ONE_CYCLE, "_annealing_cos"),
    (_ONE_CYCLE, "_annealing_linear"),
}


def _getattr(owner: Any = None, name: Any = None) -> Method:
    if type(owner) is not Name or type(name) is not str or (owner.full, name) not in _METHODS:
        raise UnpicklingError(f"getattr({owner!r}, {name!r})"[:100] + " is not allowed")
    return Method()


_ARRAYS: dict[str, Callable | None] = {**NUMPY, "_codecs.encode": _encode, "builtins.bytes": _bytes}
_CHECKPOINT: dict[str, Callable | None] = {
    **_ARRAYS,
    **TENSORS,
    _HISTORY: _history,
    _ONE_CYCLE: None,
    "builtins.getattr": _getattr,
    "builtins.bytearray": _bytearray,
    "builtins.complex": _complex,
    "builtins.set": _set,
    "builtins.frozenset": _frozenset,
    "collections.OrderedDict": _ordered,
    "collections.Counter": _counter,
}


class ArrayNames:
    """The names of a pickle of numbers, strings and NumPy arrays, such as CIFAR's."""

    _made = _ARRAYS

    def find(self, full: str) -> Any:
        """What the name stands for on the stack.

        Raises:
            UnpicklingError: nothing, it is not allowed.
        """
        if full not in self._made:
            raise UnpicklingError(f"{full} is not allowed")
        return Name(full)

    def call(self, name: Name, args: tuple, new: bool) -> Any:
        """What the name makes of the arguments.

        Raises:
            UnpicklingError: it makes nothing of these.
        """
        make = self._made[name.full]
        if make is None:
            raise UnpicklingError(f"{name} may be named, but not called")
        try:
            return make(*args)
        except UnpicklingError:
            raise
        except Exception as error:  # arguments of the file's choice meet all sorts of errors
            raise UnpicklingError(f"{name} with arguments that it does not take") from error


class CheckpointNames(ArrayNames):
    """The names of a checkpoint: tensors, mmengine's histories, and the classes of a user's own."""

    _made = _CHECKPOINT

    def __init__(self) -> None:
        # By the name that a pickle has for it.
        self._own = {f"{cls.__module__}.{cls.__qualname__}": cls for cls in compat._allowed}
        self.classes = tuple(cls for cls in self._own.values() if isinstance(cls, type))

    def find(self, full: str) -> Any:
        """As :meth:`ArrayNames.find`; torch's dtypes are there at once."""
        if full in self._own:
            return Name(full)
        if full in _dtypes():
            return _dtypes()[full]
        return super().find(full)

    def call(self, name: Name, args: tuple, new: bool) -> Any:
        """As :meth:`ArrayNames.call`; a class of a user's own is called as pickle does."""
        if name.full not in self._own:
            return super().call(name, args, new)
        cls = self._own[name.full]
        return cls.__new__(cls, *args) if new else cls(*args)

    def build(self, value: Any, state: Any) -> None:
        """Sets the state of what is no :class:`Open`: a user's own class, or a state_dict.

        Raises:
            UnpicklingError: another value, or a state that does not go with it.
        """
        if type(value) in self.classes:
            if hasattr(value, "__setstate__"):
                value.__setstate__(state)
            else:
                value.__dict__.update(_take(dict, state))
        elif type(value) is OrderedDict and _is_metadata(state):
            value._metadata = state["_metadata"]  # type: ignore[attr-defined]
        else:
            raise UnpicklingError(f"attributes of a {type(value).__name__} are not allowed")


def _is_metadata(state: Any) -> bool:
    """The versions of the modules, which PyTorch keeps at a state_dict."""
    if type(state) is not dict or set(state) != {"_metadata"}:
        return False
    modules = state["_metadata"]
    return type(modules) in (dict, OrderedDict) and all(
        type(name) is str and type(about) is dict and all(type(v) is int for v in about.values())
        for name, about in modules.items()
    )


@cache
def _dtypes() -> dict[str, torch.dtype]:
    found = ((name, getattr(torch, name)) for name in dir(torch))
    return {f"torch.{name}": value for name, value in found if isinstance(value, torch.dtype)}
