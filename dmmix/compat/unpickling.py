"""Pickles read as data: a stack machine of our own that calls nothing a file names.

Python's unpickler calls what a file names and sets attributes on what comes out; torch's, with
``weights_only=True``, does so for every name on a list, and some names on that list pass the right
on. Here a name is an inert :class:`Name`. What it stands for is made by one of a few functions of
ours (:mod:`.constructors`), which take plain data and return plain data; attributes are set on
nothing but the values that these functions leave open (:class:`Open`).
"""

import pickletools
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

from dmmix.compat.plain_data import check_key, check_plain

_CHUNK = 1 << 16


class Name:
    """A class or function that a pickle names. It stands on the stack and does nothing."""

    __slots__ = ("full",)

    def __init__(self, full: str) -> None:
        self.full = full

    def __repr__(self) -> str:
        return self.full


class Method:
    """A method of a class; what pickles say of methods is left out of the dicts they stand in."""


class Open:
    """A value whose content follows with the next BUILD, in one ``finish(state)``."""

    #: The value, once it is finished.
    value: Any = None
    done = False

    def build(self, state: Any) -> Any:
        """Finish the value; once.

        Raises:
            UnpicklingError: it is finished already, or ``state`` does not go with it.
        """
        if self.done:
            raise UnpicklingError("a value is built twice")
        self.value, self.done = self.finish(state), True
        return self.value

    def finish(self, state: Any) -> Any:
        """The value with this state."""
        raise NotImplementedError


class PlainUnpickler:
    """Reads one pickle.

    Args:
        file: binary file; read from its position to the end of the pickle.
        names: what a name stands for: ``names(full)`` returns a :class:`Name` for what can be
            built, plain data for a constant, and raises for everything else.
        call: ``call(name, args, new)`` returns what a :class:`Name` makes of a tuple of arguments;
            ``new`` tells ``cls.__new__(cls, *args)`` from ``cls(*args)``.
        build: ``build(value, state)`` sets the state of a value that is not :class:`Open`, or
            raises.
        storage: what a persistent id stands for; None where there are none.
        encoding: of the strings of Python 2.

    Raises:
        UnpicklingError: the pickle asks for anything else.
        ValueError: it is broken.
    """

    def __init__(
        self,
        file: Any,
        names: Callable[[str], Any],
        call: Callable[[Name, tuple, bool], Any],
        build: Callable[[Any, Any], None] | None = None,
        storage: Callable[[Any], Any] | None = None,
        encoding: str = "utf-8",
    ) -> None:
        self._file = _Bounded(file)
        self._names, self._call, self._build, self._storage = names, call, build, storage
        self._encoding = encoding
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def load(self, others: tuple[type, ...] = ()) -> Any:
        """The value, checked to be plain data (and values of these ``others``)."""
        try:
            for opcode, argument, _ in pickletools.genops(self._file):  # type: ignore[arg-type]
                step = _STEPS.get(opcode.name)
                if step is None:
                    raise UnpicklingError(f"the opcode {opcode.name} is not allowed")
                step(self, argument)
            value = self._pop()
        except (IndexError, KeyError) as error:
            raise UnpicklingError("a pickle that takes what it has not put there") from error
        check_plain(value, others)
        return value

    # What the opcodes do

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        return _settled(self._stack.pop())

    def _mark(self, _: Any) -> None:
        self._marks.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marks.pop()
        return [_settled(item) for item in items]

    def _drop(self, _: Any) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._since_mark()

    def _name(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._named(module, name)

    def _stack_name(self, _: Any) -> None:
        name, module = self._pop(), self._pop()
        if type(name) is not str or type(module) is not str:
            raise UnpicklingError("a name that is no string")
        self._named(module, name)

    def _named(self, module: str, name: str) -> None:
        module = "builtins" if module == "__builtin__" else module  # Python 2's
        self._push(self._names(f"{module}.{name}"))

    def _reduce(self, _: Any, new: bool = False) -> None:
        args, function = self._pop(), self._pop()
        if type(function) is not Name or type(args) is not tuple:
            raise UnpicklingError(f"a call of {_kind(function)} is not allowed")
        self._push(self._call(function, args, new))

    def _build_state(self, _: Any) -> None:
        state, value = self._pop(), self._stack[-1]
        if isinstance(value, Open):
            self._stack[-1] = value.build(state)
        elif self._build is None:
            raise UnpicklingError(f"attributes of {_kind(value)} are not allowed")
        else:
            self._build(value, state)

    def _append(self, items: list[Any]) -> None:
        if type(self._stack[-1]) is not list:
            raise UnpicklingError(f"items for {_kind(self._stack[-1])} are not allowed")
        self._stack[-1].extend(items)

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) not in (dict, OrderedDict, Counter) or len(items) % 2:
            raise UnpicklingError(f"keys for {_kind(target)} are not allowed")
        for key, value in zip(items[::2], items[1::2], strict=True):
            check_key(key)
            if type(value) is not Method:
                target[key] = value

    def _add(self, items: list[Any]) -> None:
        if type(self._stack[-1]) is not set:
            raise UnpicklingError(f"members for {_kind(self._stack[-1])} are not allowed")
        self._stack[-1].update(map(check_key, items))

    def _tuple(self, count: int) -> None:
        if len(self._stack) < count:
            raise UnpicklingError("a tuple of more than is there")
        items = [self._pop() for _ in range(count)]
        self._push(tuple(reversed(items)))

    def _dict(self, _: Any) -> None:
        items = self._since_mark()
        self._push({})
        self._set(items)

    def _frozen(self, _: Any) -> None:
        self._push(frozenset(map(check_key, self._since_mark())))

    def _get(self, index: int) -> None:
        self._push(_settled(self._memo[index]))

    def _put(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _string(self, text: str) -> None:
        content = text.encode("latin-1")  # pickletools decodes with it what is bytes
        try:
            self._push(content.decode(self._encoding))
        except UnicodeDecodeError:
            self._push(content)

    def _persistent(self, _: Any) -> None:
        if self._storage is None:
            raise UnpicklingError("a persistent id is not allowed")
        self._push(self._storage(self._pop()))


class _Bounded:
    """A file that no length in the file makes take more memory than the file itself."""

    def __init__(self, file: Any) -> None:
        self._file, self.readline = file, file.readline

    def read(self, count: int) -> bytes:
        if count <= _CHUNK:
            return self._file.read(count)
        here = self._file.tell()
        end = self._file.seek(0, 2)
        self._file.seek(here)
        return self._file.read(min(count, end - here))


def _settled(value: Any) -> Any:
    return value.value if isinstance(value, Open) and value.done else value


def _kind(value: Any) -> str:
    return repr(value) if type(value) is Name else f"a {type(value).__name__}"


def _nothing(machine: PlainUnpickler, _: Any) -> None:
    pass


def _literal(machine: PlainUnpickler, argument: Any) -> None:
    machine._push(argument)


def _constant(make: Callable[[], Any]) -> Callable:
    return lambda machine, _: machine._push(make())


_U = PlainUnpickler
_STEPS: dict[str, Callable[[PlainUnpickler, Any], Any]] = {
    **dict.fromkeys(["PROTO", "FRAME", "STOP"], _nothing),
    **dict.fromkeys(["INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"], _literal),
    **dict.fromkeys(["FLOAT", "BINFLOAT", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"], _literal),
    **dict.fromkeys(["UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"], _literal),
    **dict.fromkeys(["STRING", "BINSTRING", "SHORT_BINSTRING"], _U._string),
    "BYTEARRAY8": _literal,
    "NONE": _constant(lambda: None),
    "NEWTRUE": _constant(lambda: True),
    "NEWFALSE": _constant(lambda: False),
    "EMPTY_LIST": _constant(list),
    "EMPTY_DICT": _constant(dict),
    "EMPTY_TUPLE": _constant(tuple),
    "EMPTY_SET": _constant(set),
    "MARK": _U._mark,
    "POP": _U._drop,
    "POP_MARK": lambda machine, _: machine._since_mark(),
    "DUP": lambda machine, _: machine._push(machine._stack[-1]),
    "GLOBAL": _U._name,
    "STACK_GLOBAL": _U._stack_name,
    "REDUCE": _U._reduce,
    "NEWOBJ": lambda machine, _: machine._reduce(_, new=True),
    "BUILD": _U._build_state,
    "APPEND": lambda machine, _: machine._append([machine._pop()]),
    "APPENDS": lambda machine, _: machine._append(machine._since_mark()),
    "SETITEM": lambda machine, _: machine._set([machine._pop(), machine._pop()][::-1]),
    "SETITEMS": lambda machine, _: machine._set(machine._since_mark()),
    "ADDITEMS": lambda machine, _: machine._add(machine._since_mark()),
    "LIST": lambda machine, _: machine._push(machine._since_mark()),
    "TUPLE": lambda machine, _: machine._push(tuple(machine._since_mark())),
    "TUPLE1": lambda machine, _: machine._tuple(1),
    "TUPLE2": lambda machine, _: machine._tuple(2),
    "TUPLE3": lambda machine, _: machine._tuple(3),
    "DICT": _U._dict,
    "FROZENSET": _U._frozen,
    "GET": lambda machine, index: machine._get(int(index)),
    "BINGET": _U._get,
    "LONG_BINGET": _U._get,
    "PUT": lambda machine, index: machine._put(int(index)),
    "BINPUT": _U._put,
    "LONG_BINPUT": _U._put,
    "MEMOIZE": _U._memoize,
    "BINPERSID": _U._persistent,
}
