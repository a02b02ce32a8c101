"""A flipped bit in a checkpoint is noticed, wherever it is."""

import io
import random

import pytest
import torch

from dmmix.compat import CorruptCheckpointError, checkpoint, safe_load
from dmmix.compat.digest import DigestWriter

pytestmark = pytest.mark.openmmlab


@pytest.fixture
def content():
    return {
        "state_dict": {"w": torch.arange(300.0), "b": torch.ones(3)},
        "meta": {"epoch": 1, "config": "x = 1"},
    }


@pytest.fixture
def saved(content):
    file = io.BytesIO()
    checkpoint._save(content, file)
    return file.getvalue()


def test_torch_and_dmmix_read_it(saved, content, tmp_path):
    for loaded in (
        torch.load(io.BytesIO(saved), weights_only=True),
        safe_load.load(io.BytesIO(saved)),
    ):
        torch.testing.assert_close(loaded["state_dict"], content["state_dict"])
        assert loaded["meta"] == content["meta"]
    (tmp_path / "a.pth").write_bytes(saved)
    torch.load(tmp_path / "a.pth", weights_only=True, mmap=True)


def test_a_flipped_bit_is_noticed_wherever_it_is(saved):
    generator = random.Random(0)
    ends = [*range(200), *range(len(saved) - 400, len(saved))]
    places = ends + [generator.randrange(len(saved)) for _ in range(300)]
    for place in places:
        damaged = bytearray(saved)
        damaged[place] ^= 1 << generator.randrange(8)
        with pytest.raises(CorruptCheckpointError, match="is damaged"):
            safe_load.load(io.BytesIO(damaged))


@pytest.mark.parametrize("cut", [1, 20, 64, 65, 100, 1000])
def test_a_cut_end_is_noticed(saved, cut):
    with pytest.raises(CorruptCheckpointError):
        safe_load.load(io.BytesIO(saved[:-cut]))
    with pytest.raises(CorruptCheckpointError):
        safe_load.load(io.BytesIO(saved + b"\0" * cut))


@pytest.mark.parametrize("new_format", [True, False])
def test_a_file_without_a_digest_is_one_line(content, tmp_path, capsys, new_format):
    path = tmp_path / "foreign.pth"
    torch.save(content, path, _use_new_zipfile_serialization=new_format)
    for _ in range(2):
        torch.testing.assert_close(safe_load.load(path)["state_dict"], content["state_dict"])
    said = "".join(capsys.readouterr())
    assert said.count("carries no digest") == 1
    assert str(path) in said


def test_the_digest_is_the_same_however_it_is_written(saved):
    for size in (1, 2, 3, 1000):
        file = io.BytesIO()
        writer = DigestWriter(file)
        plain = saved[:-79] + b"\0\0"  # without the comment
        for start in range(0, len(plain), size):
            writer.write(plain[start : start + size])
        writer.finish()
        assert file.getvalue() == saved
