"""Damage found in checkpoint files without unpickling them."""

import io
import pickle

import pytest
import torch

from dmmix.compat.diagnosis import find_damage

CONTENT = {"weight": torch.arange(300.0), "meta": {"epoch": 3}}


def saved(new_format=True):
    buffer = io.BytesIO()
    torch.save(CONTENT, buffer, _use_new_zipfile_serialization=new_format)
    return buffer.getvalue()


@pytest.mark.parametrize("new_format", [True, False])
def test_whole_files(tmp_path, new_format):
    path = tmp_path / "a.pth"
    path.write_bytes(saved(new_format))
    assert find_damage(path) is None
    assert find_damage(io.BytesIO(saved(new_format))) is None


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_plain_pickle_is_whole(protocol):
    assert find_damage(io.BytesIO(pickle.dumps({"a": io.open}, protocol))) is None


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_cut_off(keep):
    content = saved()
    assert find_damage(io.BytesIO(content[: int(keep * len(content))]))


def test_cut_off_in_the_old_format():
    assert find_damage(io.BytesIO(saved(False)[:150]))


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"not a checkpoint", b"PK\x03\x04zip?"])
def test_no_checkpoint_at_all(content):
    assert find_damage(io.BytesIO(content))


def test_a_flipped_bit():
    content = bytearray(saved())
    content[content.index(torch.arange(300.0).numpy().tobytes()) + 500] ^= 1
    assert "checksum" in find_damage(io.BytesIO(bytes(content)))


def test_the_position_of_a_file_object_is_kept():
    stream = io.BytesIO(saved())
    stream.seek(7)
    find_damage(stream)
    assert stream.tell() == 7
