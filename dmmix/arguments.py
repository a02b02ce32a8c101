"""Arguments of a config against the annotations of what takes them, once, where it is built.

dmmix's own annotations are meant. Those of other packages are often wider or narrower than what
the class takes (``dict`` where a list goes as well, ``int`` with the default ``None``), so they
are taken at their word only about plain values: numbers, flags and strings.
"""

from __future__ import annotations

import inspect
import math
import numbers
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Union

import numpy as np
from pydantic_core import CoreSchema, SchemaError, SchemaValidator, ValidationError
from pydantic_core import core_schema as cs

from dmmix.functional.ranges import Ascending, Count, Filled, NonNegative, Probability, Range
from dmmix.signatures import named, rest_of, signatures
from dmmix.suggestions import suggestion

__all__ = ["ArgumentError", "Checked", "check_argument", "check_arguments"]


class ArgumentError(TypeError, ValueError):
    """An argument is not what its annotation says: of another type, or out of range."""


_Whole = Annotated[int, Range(0)]
_Step = Annotated[int, Range(1, 2**15)]


class _Made:
    """What is to be built from a dict or a list, or is built already."""


#: What has one meaning wherever the OpenMMLab stack and torch have it, and what their annotations
#: leave out: that numbers of things are counted from one, say. By name, or class and name.
_STACK = {
    "base_channels": Count,
    "batch_size": Count,
    "begin": _Whole,
    "depth": int | str | dict,
    "dilations": Annotated[Sequence[_Step], Filled()],
    "distribution": Literal["uniform", "normal"],
    "drop_last": bool,
    "in_channels": Count | Sequence[Count],
    "KaimingInit.mode": Literal["fan_in", "fan_out"],
    "loss_scale": str | float | _Made,
    "lr": NonNegative,
    "max_epochs": Count,
    "max_iters": Count,
    "max_keep_ckpts": Annotated[int, Range(-1)],
    "momentum": Probability,
    "nesterov": bool,
    "num_classes": Annotated[int, Range(1, 10**7)],
    "num_stages": Count,
    "out_indices": int | str | Sequence[int] | None,
    "num_workers": Annotated[int, Range(0, 4096)],
    "persistent_workers": bool,
    "pin_memory": bool,
    "prefetch_factor": Count,
    "seed": Annotated[int, Range(0, 2**32 - 1)],
    "shuffle": bool,
    "stem_channels": Count,
    "strides": _Step | Sequence[_Step | Sequence[_Step]],
    "style": Literal["pytorch", "caffe"],
    "val": float,
    "val_begin": _Whole,
    "val_interval": Count,
    "weight_decay": NonNegative,
}
#: Those that take any keyword, to hand it on to what does not, when it is too late.
_OPEN_IN_VAIN = ("CheckpointHook",)
#: What is taken out of a config before its class is called.
_TAKEN_OUT = {"convert_to_iter_based": bool}
_PLAIN = (bool, int, float, complex, str, bytes)
#: Whose annotations say what they mean, of numbers and flags at least; in mmpretrain and mmcv
#: ``int`` may stand where a float or a list is taken as well.
_EXACT = ("dmmix.", "mmengine.", "torch.nn.", "torch.optim.", "torch.utils.")
_EMPTY = inspect.Parameter.empty


def check_arguments(
    taker: Callable, arguments: Mapping[str, Any], called: str | None = None
) -> None:
    """Checks what a class or a function, in messages ``called`` so, is given by keyword.

    Arguments that it does not have, or does not annotate, are passed over: Python says so, but for
    a class that takes any in vain.

    Raises:
        ArgumentError: one is not what its annotation says.
    """
    known, called = _parameters(taker), called or taker.__name__
    for name, value in arguments.items():
        if name in _TAKEN_OUT:
            check_argument(called, name, value, _TAKEN_OUT[name])
        elif name in known and not _same(value, known[name].default):
            check_argument(called, name, value, known[name].hint, known[name].ours)
        elif name not in known and taker.__name__ in _OPEN_IN_VAIN:
            raise ArgumentError(f"{called} has no argument {name!r}{_meant(name, known)}")


def _meant(name: str, known: Iterable[str]) -> str:
    others = ", ".join(each for each in known if each != "self")
    return suggestion(name, known, most=1) or f"; it has {others}"


def check_argument(taker: str, name: str, value: Any, hint: Any, ours: bool = True) -> None:
    """Checks one value; the arguments before the annotation are for the message.

    Raises:
        ArgumentError: it is not what the annotation says.
    """
    try:
        _validator(hint, ours).validate_python(value)
    except ValidationError:
        got = repr(value)
        got = got if len(got) <= 200 else f"{got[:200]}..."
        raise ArgumentError(f"{taker}: {name} must be {_words(hint)}, got {got}") from None


class Checked:
    """Base of a class whose arguments are checked where it is called in Python too."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        signature = inspect.signature(cls)
        in_order = [
            name for name, each in named(signature).items() if each.kind is not each.KEYWORD_ONLY
        ]
        check_arguments(cls, {**dict(zip(in_order, args, strict=False)), **kwargs})
        known = _parameters(cls)  # type: ignore[arg-type]  # a class is hashable
        # What is taken by ** may go anywhere.
        closed = rest_of(signature) is None
        for name in kwargs:
            if closed and name not in known:
                raise ArgumentError(
                    f"{cls.__name__} got an unexpected keyword argument {name!r}"
                    f"{_meant(name, known)}"
                )
        return super().__new__(cls)


class _Parameter(typing.NamedTuple):
    hint: Any
    default: Any
    ours: bool


@cache
def _parameters(taker: Callable) -> dict[str, _Parameter]:
    """What is known of the keywords; of bases too, as far as a class hands on what is left."""
    known: dict[str, _Parameter] = {}
    for function, signature in signatures(taker):
        names = getattr(inspect.unwrap(function), "__globals__", {})
        ours = names.get("__name__", "").startswith("dmmix.")
        for name, parameter in ({} if signature is None else named(signature)).items():
            if name in known:
                continue
            hint = parameter.annotation
            if isinstance(hint, str):
                try:
                    hint = eval(hint, names)
                except Exception:  # what is imported for the type checker alone
                    hint = Any
            meant = None if ours else _in_stack(taker, name, parameter.default)
            tabled = meant is not None
            if tabled:
                hint = _with_none(meant, hint)
            elif hint is _EMPTY:
                hint = Any if ours else _like(parameter.default)
            if not tabled and not names.get("__name__", "").startswith(_EXACT):
                hint = _widened(hint)
            known[name] = _Parameter(hint, parameter.default, ours or tabled)
    return known


def _in_stack(taker: Callable, name: str, default: Any) -> Any:
    """The entry of the table, if it has one."""
    hint = _STACK.get(f"{taker.__name__}.{name}", _STACK.get(name))
    if name == "out_indices" and isinstance(default, list | tuple):
        return Sequence[int]  # such a network takes no single one
    return hint


def _like(default: Any) -> Any:
    """What an argument without annotation takes, as far as its default tells."""
    if isinstance(default, bool):
        return bool | _Made
    if isinstance(default, int | float):
        return float | _Made
    if isinstance(default, str):
        return str | float | _Made | None
    if isinstance(default, list | tuple) and default:
        if all(isinstance(each, int) and not isinstance(each, bool) for each in default):
            return float | Sequence[float | Sequence | None]
        return _Made | int | str | None
    return Any


def _widened(hint: Any) -> Any:
    if hint is int:
        return float | _Made
    items = [each for each in typing.get_args(hint) if each is not ...]
    if typing.get_origin(hint) in (list, tuple, Sequence) and items:
        if {*items} <= {int, float, numbers.Number}:
            return Sequence[float | Sequence[float]]
        return Sequence[Union[tuple(items) + (_Made,)]]  # type: ignore[misc]  # noqa: UP007, RUF005
    return hint


def _with_none(hint: Any, annotation: Any) -> Any:
    return Union[hint, None] if type(None) in typing.get_args(annotation) else hint  # noqa: UP007


def _same(value: Any, default: Any) -> bool:
    """Whether it is the default, which is right whatever the annotation says."""
    if value is default:
        return True
    return type(value) is type(default) and isinstance(value, _PLAIN) and value == default


@cache
def _validator(hint: Any, ours: bool) -> SchemaValidator:
    try:
        return SchemaValidator(_schema(hint, ours))
    except SchemaError:
        return SchemaValidator(cs.any_schema())


_INT64 = cs.int_schema(strict=True, ge=-(2**63), le=2**63 - 1)
_INT = cs.union_schema([_INT64, cs.is_instance_schema(np.integer)])
_REAL = cs.union_schema(
    [
        cs.float_schema(strict=True),
        cs.is_instance_schema(np.floating),
        cs.is_instance_schema(np.integer),
    ]
)


def _number(value: Any) -> Any:
    if value != value:
        raise ValueError("nan")
    return value


def _beyond_type(hint: Any) -> list[Any]:
    kinds = (Ascending, Filled, Range)
    return [each for each in hint.__metadata__ if isinstance(each, kinds)]


def _within(ranges: list[Any]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not all(value in each for each in ranges):
            raise ValueError("out of range")
        return value

    return check


def _no(*kinds: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, kinds):
            raise ValueError(f"a {type(value).__name__}")
        return value

    return check


_FLOAT = cs.no_info_after_validator_function(_number, _REAL)
#: What is to be built, or is built already.
_MADE = cs.no_info_plain_validator_function(_no(type(None), *_PLAIN))
_NAMED = cs.no_info_plain_validator_function(_no(bool, int, float))
_SCALARS = {
    bool: cs.bool_schema(strict=True),
    int: _INT,
    float: _FLOAT,
    numbers.Number: _FLOAT,
    numbers.Real: _FLOAT,
    str: cs.str_schema(strict=True),
    None: cs.none_schema(),
    type(None): cs.none_schema(),
}


def _schema(hint: Any, ours: bool) -> CoreSchema:
    if hint is Any:
        return cs.any_schema()
    if hint is _Made:
        return _MADE
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        ranges = _beyond_type(hint)
        inner = _schema(args[0], ours)
        return cs.no_info_after_validator_function(_within(ranges), inner) if ranges else inner
    if origin in (Union, types.UnionType):
        return cs.union_schema([_schema(each, ours) for each in args])
    if origin is Literal:
        return cs.literal_schema(list(args))
    kind = origin or hint
    if not inspect.isclass(kind):
        return cs.any_schema()
    if kind in (list, tuple, Sequence):
        return _sequence(kind, args, ours)
    if not ours:
        # The name of what is to be looked up, or what is built from a dict.
        return cs.nullable_schema(_MADE) if issubclass(kind, Mapping) else _NAMED
    if issubclass(kind, Mapping):
        return cs.no_info_after_validator_function(_no(list, tuple), _MADE)
    if kind.__module__.startswith(("torch", "dmmix")) and not getattr(kind, "_is_protocol", False):
        return cs.union_schema([cs.is_instance_schema(kind), cs.is_instance_schema(Mapping)])
    return _NAMED


def _sequence(kind: Any, args: tuple, ours: bool) -> CoreSchema:
    """A list goes for a tuple: JSON has no others."""
    if not ours and not args:
        return _MADE
    items: list[Any] = [_schema(each, ours) for each in args if each is not ...]
    either: list[Any] = [cs.is_instance_schema(list), cs.is_instance_schema(tuple)]
    if ours and kind is tuple and len(args) == len(items) and items:
        inner: CoreSchema = cs.tuple_schema(items)
    else:
        item = cs.union_schema(items) if len(items) > 1 else (items or [cs.any_schema()])[0]
        inner = cs.list_schema(item)
    listed = cs.chain_schema([cs.union_schema(either), inner])
    # Arrays, and sequences of other kinds, are left alone.
    return cs.union_schema(
        [
            listed,
            cs.no_info_plain_validator_function(_no(type(None), *_PLAIN, list, tuple, Mapping)),
        ]
    )


def _words(hint: Any, several: bool = False) -> str:
    """The annotation in words, of one or of several."""
    names = {
        bool: ("True or False", "flags"),
        int: ("an int", "ints"),
        float: ("a number", "numbers"),
        numbers.Number: ("a number", "numbers"),
        numbers.Real: ("a number", "numbers"),
        str: ("a string", "strings"),
        type(None): ("None", "None"),
        None: ("None", "None"),
        _Made: ("a list or dict", "lists or dicts"),
    }
    if hint in names:
        return names[hint][several]
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        ranges = _beyond_type(hint)
        words = _words(args[0], several)
        if args[0] is float and not any(each.high < math.inf for each in ranges):
            words = "finite numbers" if several else "a finite number"
        return " ".join([words, *filter(None, map(str, ranges))])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_words(each, several) for each in args))
    if origin is Literal:
        return " or ".join(map(repr, args))
    kind = origin or hint
    if kind in (list, tuple, Sequence):
        length = f"{len(args)} " if kind is tuple and args and ... not in args else ""
        items = " or ".join(dict.fromkeys(_words(each, True) for each in args if each is not ...))
        return f"{'lists' if several else 'a list'} of {length}{items}" if items else "a list"
    name = getattr(kind, "__name__", str(kind))
    if inspect.isclass(kind) and issubclass(kind, Mapping):
        return "dicts" if several else "a dict"
    plural = "es" if name.endswith(("s", "x")) else "s"
    return f"{name}{plural}" if several else f"a {name}"
