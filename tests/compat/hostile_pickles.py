"""Pickles that somebody might write to harm who loads them, as a hypothesis strategy.

Trees of literals, containers, names, calls, builds and storages, written out as opcodes: every
name that the loader lets through and some that it must not, with arguments that go with them, with
wrong ones and with each other's; then bytes changed at random.
"""

import io
import struct
import zipfile
from pickle import TUPLE

from hypothesis import strategies as st

from dmmix.compat import constructors

__all__ = ["NAMES", "archive_of", "pickles"]

_BAIT = "tests.compat.test_hostile_pickles"
_FORBIDDEN = [
    *("builtins.eval", "builtins.exec", "builtins.print", "builtins.type", "builtins.object"),
    *("builtins.list", "builtins.dict", "builtins.setattr", "builtins.__import__", "os.system"),
    *(
        "posix.system",
        "io.open",
        "operator.attrgetter",
        "functools.partial",
        "copyreg._reconstructor",
    ),
    *("numpy.array", "numpy.frombuffer", "numpy.core.multiarray.fromstring", "torch.load"),
    *("torch._utils._rebuild_sparse_tensor", "torch.storage.TypedStorage", "torch.hub.load"),
    *("mmengine.config.config.Config.fromstring", f"{_BAIT}.bait", f"{_BAIT}.Bait"),
    *(
        "dmmix.compat.unpickling.Name",
        "dmmix.compat.allow_checkpoint_class",
        "builtins.getattr.__self__",
    ),
]
NAMES = [*constructors._CHECKPOINT, *constructors._dtypes()]
_CODES = ["f8", "i4", "u1", "b1", "U2", "S3", "c16", "f16", "U0", "O", "O8", "V4", "M8", "f8,O", ""]
_ATTRIBUTES = ["_metadata", "__class__", "__dict__", "__code__", "__setstate__", "__reduce__"]
_ATTRIBUTES += ["_log_history", "_count_history", "max_length", "statistics_methods", "min", "full"]
_BIG = [2**31, 2**62, 2**63, 2**64, -1, -(2**63)]

_numbers = st.one_of(st.integers(-3, 40), st.sampled_from(_BIG))
_sizes = st.one_of(st.integers(0, 9), st.integers(0, 9), _numbers)
_texts = st.one_of(
    st.sampled_from([*_ATTRIBUTES, *_CODES, "latin1", "storage", "cpu"]), st.text(max_size=3)
)
_scalars = st.one_of(
    st.none(), st.booleans(), _numbers, st.floats(), _texts, st.binary(max_size=24)
).map(lambda value: ("value", value))
_names = st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(_FORBIDDEN)).map(
    lambda full: ("name", full)
)


def _name(full):
    return st.just(("name", full))


def _call(function, *arguments):
    return st.tuples(st.just("call"), function, st.tuples(st.just("tuple"), st.tuples(*arguments)))


def _values(strategy):
    return strategy.map(lambda value: ("value", value))


def _tuples(strategy, **sizes):
    return st.tuples(st.just("tuple"), st.lists(strategy, **sizes))


def _arrays(child):
    orders = _values(st.sampled_from(["<", "|", ">", "=", "!"]))
    nothing = st.one_of(_values(st.none()), _values(st.none()), child)
    dtype = _call(_name("numpy.dtype"), _values(st.sampled_from(_CODES)), _scalars, _scalars)
    state = st.tuples(_scalars, orders, nothing, nothing, nothing, _scalars, _scalars, _scalars)
    dtype = st.tuples(st.just("build"), dtype, state.map(lambda parts: ("tuple", parts)))
    module = st.sampled_from(["numpy.core.multiarray", "numpy._core.multiarray"])
    empty = _call(
        module.flatmap(lambda m: _name(f"{m}._reconstruct")), _name("numpy.ndarray"), child, child
    )
    content = st.one_of(
        _values(st.binary(max_size=48)), _values(st.integers(0, 6).map(lambda n: bytes(8 * n)))
    )
    shape = _tuples(_values(_sizes), max_size=3)
    state = st.tuples(
        _scalars, shape, dtype, _values(st.booleans()), st.one_of(content, content, child)
    )
    arrays = st.tuples(st.just("build"), empty, state.map(lambda parts: ("tuple", parts)))
    scalars = _call(module.flatmap(lambda m: _name(f"{m}.scalar")), dtype, content)
    return st.one_of(arrays, arrays, scalars, dtype, empty)


def _tensors(child):
    kinds = st.sampled_from([name for name in NAMES if name.endswith("Storage")])
    saved = st.tuples(
        _values(st.just("storage")),
        st.one_of(_name("torch.FloatStorage"), kinds.flatmap(_name)),
        _values(st.sampled_from(["0", "0", "1", "2", "absent"])),
        _values(st.sampled_from(["cpu", "cpu", "cpu", "cuda:0", "meta", "../x", ""])),
        _values(st.one_of(st.sampled_from([4, 4, 16, 1]), _numbers)),
    ).map(lambda parts: ("tuple", parts))
    storage = st.tuples(st.just("storage"), st.one_of(saved, saved, child))
    numbers = _tuples(_values(_sizes), max_size=3)
    function = st.sampled_from([name for name in NAMES if "._rebuild" in name]).flatmap(_name)
    v2 = st.tuples(storage, _values(_sizes), numbers, numbers, _values(st.booleans()), child)
    built = st.tuples(
        st.just("call"),
        st.one_of(_name("torch._utils._rebuild_tensor_v2"), function),
        v2.map(lambda parts: ("tuple", parts)),
    )
    kind = st.one_of(_name("torch.Tensor"), _names)
    attributes = _call(
        _name("torch._tensor._rebuild_from_type_v2"),
        st.one_of(function, _names),
        kind,
        v2.map(lambda parts: ("tuple", parts)),
        child,
    )
    parameter = _call(
        _name("torch._utils._rebuild_parameter"), built, _values(st.booleans()), child
    )
    return st.one_of(built, built, attributes, parameter, storage)


def _containers(child):
    pairs = st.lists(st.tuples(st.one_of(_scalars, _scalars, child), child), max_size=4)
    state = st.lists(st.tuples(_values(st.sampled_from(_ATTRIBUTES)), child), max_size=4)
    states = state.map(lambda parts: ("dict", parts))
    arguments = st.one_of(_tuples(child, max_size=4), child)
    history = st.tuples(st.just("new"), _name(constructors._HISTORY), st.just(("tuple", ())))
    method = _call(_name("builtins.getattr"), _names, _values(_texts))
    return st.one_of(
        _tuples(child, max_size=4),
        st.tuples(st.just("list"), st.lists(child, max_size=4)),
        st.tuples(st.just("dict"), pairs),
        st.tuples(st.sampled_from(["call", "new"]), st.one_of(_names, child), arguments),
        st.tuples(
            st.just("build"), st.one_of(child, history), st.one_of(states, _tuples(states), child)
        ),
        st.tuples(st.just("set"), child, pairs),
        st.tuples(st.just("extend"), child, st.lists(child, max_size=3)),
        st.tuples(st.just("hub"), child),
        method,
        st.integers(0, 6).map(lambda k: ("again", k)),
        st.binary(max_size=3).map(lambda noise: ("noise", noise)),
        _arrays(child),
        _tensors(child),
    )


_TREES = st.recursive(st.one_of(_scalars, _scalars, _names), _containers, max_leaves=12)


def _write(tree, out, count):
    """The opcodes of a tree. ``count`` counts what is put into the memo."""
    kind, *rest = tree
    if kind == "value":
        out += _literal(rest[0])
    elif kind == "name":
        module, _, name = rest[0].rpartition(".")
        out += b"c" + module.encode() + b"\n" + name.encode() + b"\n"
    elif kind in ("tuple", "list"):
        out += b"(" if kind == "tuple" else b"]("
        for child in rest[0]:
            _write(child, out, count)
        out += TUPLE if kind == "tuple" else b"e"
    elif kind == "dict":
        _write(("set", ("value", {}), rest[0]), out, count)
    elif kind in ("set", "extend"):
        _write(rest[0], out, count)
        out += b"("
        for child in rest[1]:
            for part in child if kind == "set" else [child]:
                _write(part, out, count)
        out += b"u" if kind == "set" else b"e"
    elif kind in ("call", "new", "build"):
        _write(rest[0], out, count)
        _write(rest[1], out, count)
        out += {"call": b"R", "new": b"\x81", "build": b"b"}[kind]
    elif kind == "storage":
        _write(rest[0], out, count)
        out += b"Q"
    elif kind == "hub":  # where log histories are made of what the file says
        hub = {"log_scalars": [(("value", "loss"), rest[0])]}
        for key, pairs in hub.items():
            inner = ("dict", [(("value", key), ("dict", pairs))])
            _write(("dict", [(("value", "message_hub"), inner)]), out, count)
    elif kind == "again":
        out += b"h" + bytes([rest[0]]) if rest[0] < count[0] else b"N"
        return
    elif kind == "noise":
        out += b"N" + rest[0]
    if count[0] < 250:
        out += b"q" + bytes([count[0]])
        count[0] += 1


def _literal(value):
    if value is None:
        return b"N"
    if value is True or value is False:
        return b"\x88" if value else b"\x89"
    if type(value) is int:
        if -(2**31) <= value < 2**31:
            return b"J" + struct.pack("<i", value)
        data = value.to_bytes(9, "little", signed=True)
        return b"\x8a" + bytes([len(data)]) + data
    if type(value) is float:
        return b"G" + struct.pack(">d", value)
    if type(value) is str:
        data = value.encode("utf-8", "surrogatepass")
        return b"X" + struct.pack("<I", len(data)) + data
    if type(value) is bytes:
        return b"C" + bytes([len(value)]) + value
    return b"}"


@st.composite
def pickles(draw):
    """The bytes of one."""
    out = bytearray(b"\x80\x02")
    _write(draw(_TREES), out, [0])
    out += b"."
    if draw(st.integers(0, 3)) == 0:
        for _ in range(draw(st.integers(1, 3))):
            out[draw(st.integers(0, len(out) - 1))] = draw(st.integers(0, 255))
    return bytes(out)


def archive_of(content):
    """A checkpoint whose pickle is ``content``, with three storages."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data.pkl", content)
        for key, size in enumerate((16, 64, 1)):
            archive.writestr(f"a/data/{key}", bytes(range(size)))
    return file.getvalue()
