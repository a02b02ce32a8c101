"""Reading checkpoint files: what is let in, what is refused, what is damaged."""

import io
import os
import pickle
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch import serialization

from dmmix import compat
from dmmix.compat import CorruptCheckpointError, UnsafeCheckpointError, safe_load
from tests.touch import Touch

pytestmark = pytest.mark.openmmlab


class Mine:
    def __init__(self, value=0):
        self.value = value


@pytest.fixture
def harmful(tmp_path):
    """An otherwise fine checkpoint with code in the middle, and the trace that code would leave."""
    trace = tmp_path / "trace"
    content = {"state_dict": {"w": torch.ones(2)}, "extra": Touch(trace), "meta": {"epoch": 1}}
    path = tmp_path / "harmful.pth"
    torch.save(content, path)
    return path, trace


def as_numpy(path, version):
    """Rewrite a checkpoint as the given NumPy would have written it."""
    names = {1: b"numpy.core.multiarray", 2: b"numpy._core.multiarray"}
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if name.endswith("data.pkl"):
                content = content.replace(names[3 - version], names[version])
                assert names[version] in content
            archive.writestr(name, content)


def roundtrip(content, path):
    torch.save(content, path)
    return safe_load.load(path)


@pytest.mark.parametrize("numpy_version", [1, 2])
def test_what_a_checkpoint_of_mmengine_holds(tmp_path, numpy_version):
    history = HistoryBuffer([1.0, 2.0, 4.0], [1, 1, 2])
    content = {
        "state_dict": OrderedDict(w=torch.ones(2), half=torch.ones(2).half()),
        "message_hub": {"log_scalars": OrderedDict(loss=history)},
        "numbers": [np.float64(0.5), np.float32(0.25), np.int64(3), np.bool_(True), 1 + 2j],
        "strings": [np.str_("abc"), np.str_(""), np.bytes_(b"x")],
        "arrays": [np.arange(6.0).reshape(2, 3), np.array(["ab", "c"]), np.zeros((0, 2))],
        "order": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "big_endian": np.arange(3, dtype=">i4"),
        "milestones": Counter([1, 2]),
        "plain": [None, True, 2**70, b"bytes", {1, 2}, (1, [2.5])],
    }
    path = tmp_path / "a.pth"
    torch.save(content, path)
    as_numpy(path, numpy_version)
    loaded = safe_load.load(path)

    torch.testing.assert_close(loaded["state_dict"], content["state_dict"])
    restored = loaded["message_hub"]["log_scalars"]["loss"]
    assert restored.mean() == history.mean()
    assert restored.statistics("current") == 4.0
    for name in ("numbers", "strings", "milestones", "plain"):
        assert loaded[name] == content[name]
        assert [*map(type, loaded[name])] == [*map(type, content[name])]
    for array, original in zip(loaded["arrays"], content["arrays"], strict=True):
        np.testing.assert_array_equal(array, original)
        assert array.dtype == original.dtype
    np.testing.assert_array_equal(loaded["order"], content["order"])
    np.testing.assert_array_equal(loaded["big_endian"], [0, 1, 2])
    loaded["arrays"][0][0, 0] = 9.0  # an array of its own, writable


def test_numpys_own_dtypes_are_out_of_reach(tmp_path):
    loaded = roundtrip({"a": np.array([1.0, 2.0], dtype=">f8")}, tmp_path / "a.pth")
    np.testing.assert_array_equal(loaded["a"], [1.0, 2.0])
    assert np.dtype("f8").isnative  # the file's byte order was set on a copy


@pytest.mark.parametrize(
    "content",
    [
        np.array([{}], dtype=object),
        np.zeros(2, dtype=[("a", "f4")]),
        np.ma.zeros(2),
        getattr,
        HistoryBuffer.statistics,
        Mine(),
    ],
    ids=["objects", "records", "subclass", "getattr", "method", "class"],
)
def test_refused(tmp_path, content):
    path = tmp_path / "a.pth"
    if content is getattr:  # a use of it beyond the few methods
        content = type("Use", (), {"__reduce__": lambda self: (getattr, (HistoryBuffer, "x"))})()
    torch.save({"x": content}, path)
    with pytest.raises(UnsafeCheckpointError):
        safe_load.load(path)


@pytest.mark.parametrize("new_format", [True, False])
def test_code_does_not_run(harmful, new_format, monkeypatch):
    path, trace = harmful
    torch.save({"a": Touch(trace)}, path, _use_new_zipfile_serialization=new_format)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # the default of old torch
    with pytest.raises(UnsafeCheckpointError):
        safe_load.load(path)
    with pytest.raises(UnsafeCheckpointError):
        safe_load.load(path, weights_only=False, pickle_module=pickle)
    assert not trace.exists()
    torch.load(path, weights_only=False)["a"].close()
    assert trace.exists()  # the file was dangerous indeed


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_plain_pickle_with_code_does_not_run(tmp_path, protocol):
    path = tmp_path / "a.pth"
    path.write_bytes(pickle.dumps({"a": Touch(tmp_path / "trace")}, protocol))
    with pytest.raises(UnsafeCheckpointError):
        safe_load.load(path)
    assert not (tmp_path / "trace").exists()


def test_the_message_says_what_and_what_to_do(harmful):
    path, _ = harmful
    with pytest.raises(UnsafeCheckpointError) as caught:
        safe_load.load(path)
    message = str(caught.value)
    for part in (str(path), "open", "could run code", "state_dict", "allow_checkpoint_class"):
        assert part in message
    use = type("Use", (), {"__reduce__": lambda self: (os.system, ("true",))})()
    torch.save([use], path)
    with pytest.raises(UnsafeCheckpointError, match=r"(posix|nt)\.system"):
        safe_load.load(path)


def test_a_class_of_yours(tmp_path, monkeypatch):
    monkeypatch.setattr(compat, "_allowed", [])
    with pytest.raises(UnsafeCheckpointError, match="Mine"):
        roundtrip({"a": Mine(5)}, tmp_path / "a.pth")
    assert compat.allow_checkpoint_class(Mine) is Mine
    compat.allow_checkpoint_class(Mine)
    assert roundtrip({"a": Mine(5)}, tmp_path / "a.pth")["a"].value == 5


@pytest.mark.parametrize("wrong", ["Mine", None, 3])
def test_only_a_class_can_be_allowed(wrong):
    with pytest.raises(TypeError):
        compat.allow_checkpoint_class(wrong)


def test_torchs_own_list_is_neither_read_nor_changed(tmp_path):
    before = set(serialization.get_safe_globals())
    serialization.add_safe_globals([Mine])  # by somebody else, for files of theirs
    try:
        torch.save({"b": Mine(1)}, tmp_path / "a.pth")
        with pytest.raises(UnsafeCheckpointError, match="Mine"):
            safe_load.load(tmp_path / "a.pth")
        assert set(serialization.get_safe_globals()) == {*before, Mine}
    finally:
        serialization.clear_safe_globals()
        serialization.add_safe_globals(list(before))


@pytest.mark.parametrize(
    ("keep", "new_format"),
    [*((keep, True) for keep in (0.0, 0.1, 0.5, 0.9, 0.999)), (0.03, False), (0.999, False)],
)
def test_a_damaged_file_is_named(tmp_path, keep, new_format):
    path = tmp_path / "a.pth"
    torch.save({"w": torch.rand(1000)}, path, _use_new_zipfile_serialization=new_format)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(CorruptCheckpointError, match=str(path)):
        safe_load.load(path)


@pytest.mark.parametrize("content", [b"\0" * 100, b"not a checkpoint", b"hello", b"PK\x03\x04zip?"])
def test_what_is_no_checkpoint_at_all_is_damaged(content):
    with pytest.raises(CorruptCheckpointError):
        safe_load.load(io.BytesIO(content))


def test_other_failures_are_neither(tmp_path):
    with pytest.raises(FileNotFoundError):
        safe_load.load(tmp_path / "absent.pth")
    torch.save({"w": torch.rand(2)}, tmp_path / "a.pth")
    with pytest.raises((RuntimeError, pickle.UnpicklingError)) as caught:
        safe_load.load(tmp_path / "a.pth", map_location="no_such_device")
    assert not isinstance(caught.value, compat.CheckpointError)


def test_file_objects(harmful):
    path, trace = harmful
    stream = io.BytesIO(b"before" + path.read_bytes())
    stream.seek(6)
    with pytest.raises(UnsafeCheckpointError):
        safe_load.load(stream)
    assert stream.tell() == 6
    assert not trace.exists()


def test_torch_load_itself_is_untouched(tmp_path):
    torch.save(Mine(4), tmp_path / "a.pth")
    assert torch.load(tmp_path / "a.pth", weights_only=False).value == 4
    assert torch.load.__module__ == "torch.serialization"
