"""Ways that led out of the loaders once: each is refused, and nothing has happened."""

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from dmmix.compat import CorruptCheckpointError, UnsafeCheckpointError, constructors, safe_load
from dmmix.compat.unpickling import PlainUnpickler, UnpicklingError
from tests.compat.hostile_pickles import archive_of

pytestmark = pytest.mark.openmmlab

HISTORY = b"cmmengine.logging.history_buffer\nHistoryBuffer\n"
GETATTR = b"cbuiltins\ngetattr\n"


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def refused(content, match):
    with pytest.raises(UnsafeCheckpointError, match=match):
        safe_load.load(io.BytesIO(archive_of(b"\x80\x02" + content + b".")))


def as_array(content):
    names = constructors.ArrayNames()
    return PlainUnpickler(io.BytesIO(content), names.find, names.call, encoding="latin1").load()


def test_attributes_of_a_class_were_set_by_a_rebuild_of_a_tensor():
    # HistoryBuffer.current gives back what stands in a list that the file puts there: a class.
    history = HISTORY + b")\x81}" + text("_log_history") + b"]" + HISTORY + b"asb"
    current = GETATTR + HISTORY + text("current") + b"\x86R"
    rebuild = b"ctorch._tensor\n_rebuild_from_type_v2\n("
    state = b"}" + text("min") + text("owned") + b"s"
    before = dict(vars(HistoryBuffer))
    refused(rebuild + current + HISTORY + history + b"\x85" + state + b"tR", "class|call|tensor")
    assert dict(vars(HistoryBuffer)) == before


def test_attributes_and_statistics_of_histories_were_the_files():
    before = dict(HistoryBuffer._statistics_methods)
    states = [text("mean") + text("owned") + b"s"]
    states.append(text("statistics_methods") + b"}" + states[0] + b"s")
    for state in states:
        history = HISTORY + b")\x81}" + state + b"b."
        loaded = safe_load.load(io.BytesIO(archive_of(b"\x80\x02" + history)))
        assert loaded == {"log_history": None, "count_history": None, "max_length": None}
    assert HistoryBuffer._statistics_methods == before


@pytest.mark.parametrize("code", ["O", "O8", "V8", "u1,O", "M8"])
def test_an_array_of_addresses_was_made_by_a_call_of_ndarray(code):
    call = b"cnumpy\nndarray\n" + b"K\x01\x85" + text(code) + b"C\x08AAAAAAAA" + b"\x87R"
    refused(call, "numpy.ndarray may be named, but not called")
    with pytest.raises(UnpicklingError):  # and in CIFAR's files
        as_array(b"\x80\x02" + call + b".")
    refused(b"cnumpy\ndtype\n" + text(code) + b"\x85R", "dtype")
    # Nor of memory that nobody had filled.
    refused(b"cnumpy\nndarray\n" + b"K\x40\x85" + text("u1") + b"\x86R", "not called")


def changed_state(array, change):
    function, arguments, state = array.__reduce__()
    made = type("Made", (), {"__reduce__": lambda self: (function, arguments, change(state))})
    return pickle.dumps(made(), 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda s: (*s[:4], s[4][:-1]),
        lambda s: (*s[:4], s[4] + b"x"),
        lambda s: (s[0], (2**62,), *s[2:]),
        lambda s: (s[0], (-3,), *s[2:]),
        lambda s: (s[0], (1.5, 2), *s[2:]),
        lambda s: (*s[:4], [1, 2, 3]),
        lambda s: (s[0], s[1], "f8", *s[3:]),
    ],
)
def test_an_array_has_the_bytes_that_it_says(change):
    content = changed_state(np.arange(3.0), change)
    with pytest.raises(UnpicklingError):
        as_array(content)
    refused(content[2:-1], "NumPy")


def test_a_string_is_made_of_characters():
    content = changed_state(np.array(["ab"]), lambda s: (*s[:4], b"\xff" * 8))
    with pytest.raises(UnpicklingError, match="no characters"):
        as_array(content)


@pytest.mark.parametrize("size", [8, 2**20, 2**40])
def test_a_storage_was_read_past_its_end(size):
    file = io.BytesIO()
    torch.save({"w": torch.zeros(4)}, file)
    with zipfile.ZipFile(file) as archive:
        content = archive.read("archive/data.pkl")
    assert content.count(b"K\x04") > 0
    number = pickle.dumps(size, 2)[2:-1]
    with pytest.raises((CorruptCheckpointError, UnsafeCheckpointError), match=r"size|larger"):
        safe_load.load(io.BytesIO(archive_of(content.replace(b"K\x04", number))))


@pytest.mark.parametrize("kind", [b"t", b"e"])
def test_what_is_nested_deeply_crashed_the_interpreter(kind):
    opened = b"(" if kind == b"t" else b"]("
    deep = opened * 100_000 + kind * 100_000
    refused(deep, "nested|itself")
    refused(b"}" + deep + b"Ns", "key")
    refused(b"cbuiltins\nset\n](" + deep + b"e\x85R", "key")
    refused(b"]q\x00h\x00a", "itself")


@pytest.mark.parametrize(
    ("name", "content", "times", "says"),
    [
        ("data/0", b"0", 200 * 2**20, "unpack to"),
        ("constants.pkl", b"\x80\x02).", 1, "TorchScript"),
    ],
)
def test_an_archive_that_is_larger_or_more_than_a_checkpoint(name, content, times, says):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02N.")
        archive.writestr(f"a/{name}", content * times)
    with pytest.raises(UnsafeCheckpointError, match=says):
        safe_load.load(io.BytesIO(file.getvalue()))


@pytest.mark.parametrize("new_format", [True, False])
def test_tensors_of_all_kinds_come_back(new_format):
    base = torch.arange(12.0)
    content = [
        *(base[2:5], base[::3], base.reshape(3, 4).t(), torch.zeros(1).expand(5), base[:0]),
        *(torch.tensor(3), torch.ones(2).bfloat16(), torch.ones(2, dtype=torch.complex64)),
        *(torch.arange(3).to(torch.uint16), torch.tensor([True, False]), torch.nn.Parameter(base)),
        torch.ones(2, requires_grad=True),
    ]
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=new_format)
    file.seek(0)
    loaded = safe_load.load(file)
    for one, other in zip(loaded, content, strict=True):
        assert torch.equal(one, other)
        assert one.dtype == other.dtype
        assert one.stride() == other.stride()
        assert type(one) is type(other)
        assert one.requires_grad == other.requires_grad
    # Views of one storage are views of one storage again.
    assert loaded[0].untyped_storage().data_ptr() == loaded[1].untyped_storage().data_ptr()


@pytest.mark.parametrize(
    "content", [b"", b"h\x05", b"t", b"R", b"NR", b"Nb", b"0", b"\x85", b"(e", b"u"]
)
def test_a_pickle_that_takes_what_is_not_there_is_refused(content):
    refused(content, "a|not")
