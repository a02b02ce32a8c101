"""Arrays in npz files: read, mapped, refused."""

import os
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from dmmix.datasets.arrays.mapped_array import MappedArray
from dmmix.datasets.arrays.npz_arrays import NpzArrays

pytestmark = pytest.mark.openmmlab

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 5, 6, 3), dtype=np.uint8)
LABELS = np.arange(40)


@pytest.fixture(params=["stored", "compressed"])
def path(request, tmp_path):
    """One of either kind."""
    save = np.savez if request.param == "stored" else np.savez_compressed
    save(tmp_path / f"{request.param}.npz", images=IMAGES, labels=LABELS)
    return str(tmp_path / f"{request.param}.npz")


@pytest.fixture
def stored(tmp_path):
    np.savez(tmp_path / "stored.npz", images=IMAGES, labels=LABELS)
    return str(tmp_path / "stored.npz")


def mapped_from(path, name="images", *shape):
    with NpzArrays(str(path)) as arrays:
        return arrays.map(name, *shape)


def refused(path, says, method, name="images"):
    with NpzArrays(str(path)) as arrays, pytest.raises(ValueError, match=says):
        getattr(arrays, method)(name)


def test_headers_and_arrays_are_read(path):
    with NpzArrays(path) as arrays:
        assert arrays.names == ["images", "labels"]
        assert np.array_equal(arrays.read("images"), IMAGES)
        assert np.array_equal(arrays.read("labels"), LABELS)
        header = arrays.header("images")
    assert (header.shape, header.dtype, header.order) == (IMAGES.shape, np.uint8, "C")
    assert header.nbytes == IMAGES.nbytes
    assert (header.offset is None) == ("compressed" in path)
    if "compressed" in path:
        refused(path, r"images is compressed.*np\.savez instead", "map")


@settings(max_examples=60, deadline=None)
@given(
    array=arrays_of.arrays(
        st.sampled_from([np.uint8, np.int64, np.float32, ">i2"]),
        arrays_of.array_shapes(max_dims=4, max_side=6),
    ),
    name=st.text("abcdefgh_", min_size=1, max_size=60),
    fortran=st.booleans(),
    prefix=st.binary(max_size=7),
)
def test_mapped_arrays_are_those_that_were_written(tmp_path_factory, array, name, fortran, prefix):
    """Names move the data about in the file, and so does what stands before the archive."""
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    array = np.asfortranarray(array) if fortran else array
    np.savez(path, before=np.arange(3), **{f"x{name}": array})
    path.write_bytes(prefix + path.read_bytes())
    mapped = mapped_from(path, f"x{name}")
    assert mapped.shape == array.shape
    assert mapped.dtype == array.dtype
    assert mapped.nbytes == array.nbytes
    assert np.array_equal(mapped.take(slice(None)), array, equal_nan=array.dtype.kind == "f")


def test_an_extra_field_of_the_local_header_is_skipped(tmp_path):
    """The directory need not have the same one, and often has not."""
    path = tmp_path / "zip64.npz"
    with (
        zipfile.ZipFile(path, "w") as archive,
        archive.open("images.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array(member, IMAGES)
    assert np.array_equal(mapped_from(path).take(slice(None)), IMAGES)


def test_rows_of_a_mapped_array(stored):
    mapped = mapped_from(stored)
    rows = np.array([7, 0, 7, 39])
    assert np.array_equal(mapped.take(rows), IMAGES[rows])
    assert np.array_equal(mapped.take(11), IMAGES[11])
    assert mapped.take(11).flags.writeable
    few = mapped.subset(np.array([30, 2, 5]))
    assert (len(few), few.shape, few.nbytes) == (3, (3, 5, 6, 3), 270)
    assert np.array_equal(few.take(np.array([2, 0])), IMAGES[[5, 30]])
    fewer = few.subset(np.array([1]))
    assert np.array_equal(fewer.take(slice(None)), IMAGES[[2]])
    assert len(mapped) == 40
    assert mapped_from(stored, "labels", (40, 1)).take(3).tolist() == [3]  # another shape


def test_a_mapped_array_is_pickled_as_a_place(tmp_path):
    path = tmp_path / "large.npz"
    np.savez(path, images=np.zeros((1000, 1000), np.uint8))
    text = pickle.dumps(mapped_from(path).subset(np.array([4])))
    assert len(text) < 1000
    assert pickle.loads(text).shape == (1, 1000)


def cut_without_time(path):
    """A clock that stands still does not hide it."""
    before = os.stat(path)
    os.truncate(path, 100)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path):
    shutil.copy(path, f"{path}.new")
    os.utime(f"{path}.new", ns=(1, 1))
    os.replace(f"{path}.new", path)


CHANGES = [lambda path: os.utime(path, ns=(1, 1)), cut_without_time, replace, os.remove]


@pytest.mark.parametrize("how", CHANGES)
def test_a_file_that_changes_is_noticed(stored, how):
    mapped = mapped_from(stored)
    text = pickle.dumps(mapped)
    mapped.take(0)
    how(stored)
    what = "was removed" if how is os.remove else "changed"
    for use in (lambda: mapped.take(0), lambda: pickle.loads(text)):
        with pytest.raises(RuntimeError, match=rf"stored\.npz {what} while it was mapped"):
            use()


def test_a_map_ends_within_the_file(stored):
    with open(stored, "rb") as file, pytest.raises(ValueError, match=r"stored\.npz is cut off"):
        MappedArray(file, 0, (10**6,), np.uint8)


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


@pytest.mark.parametrize("method", ["header", "read", "map"])
def test_nothing_is_unpickled(tmp_path, monkeypatch, method):
    monkeypatch.chdir(tmp_path)
    np.savez("objects.npz", labels=np.array([Bomb(), 1], dtype=object))
    refused("objects.npz", r"labels holds Python objects.*is refused", method, "labels")
    assert not os.path.exists("exploded")


def test_what_is_no_npz_file_or_lacks_arrays(tmp_path, stored):
    with (
        NpzArrays(stored) as arrays,
        pytest.raises(
            KeyError, match=r"has no x_train and no y_train.*found \['images', 'labels'\]"
        ),
    ):
        arrays.require("images", "x_train", "y_train")
    np.save(tmp_path / "single.npy", IMAGES)
    (tmp_path / "text.npz").write_text("no archive", encoding="utf-8")
    (tmp_path / "cut.npz").write_bytes(Path(stored).read_bytes()[:3000])
    for name, error, says in (
        ("stord.npz", FileNotFoundError, r"stord\.npz does not exist; did you mean .*/stored"),
        ("xyz", FileNotFoundError, "nothing in .* has a name like it"),
        ("no/such/stored.npz", FileNotFoundError, f"there is only {tmp_path}"),
        ("", ValueError, "is a folder"),
        ("single.npy", ValueError, r"a single array \(npy\); write one with np\.savez"),
        ("text.npz", ValueError, "is not an npz file but no zip archive"),
        ("cut.npz", ValueError, "is not an npz file but no zip archive"),
    ):
        with pytest.raises(error, match=says):
            NpzArrays(str(tmp_path / name))


def test_damaged_data_is_found(path):
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("images.npy")
    data = bytearray(Path(path).read_bytes())
    middle = info.header_offset + info.compress_size // 2
    data[middle : middle + 20] = b"\xff" * 20
    Path(path).write_bytes(data)
    refused(path, r"ed\.npz: images cannot be read", "read")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("n", [1, 7, 300, 70_000, 300_000])
def test_checksums_are_compared(tmp_path, save, n):
    """Of arrays of all lengths, which end in the middle of what is decompressed at once."""
    path = tmp_path / "a.npz"
    array = np.arange(n).astype(np.uint8) // 50
    save(path, images=array)
    with zipfile.ZipFile(path) as archive:
        checksum = archive.getinfo("images.npy").CRC.to_bytes(4, "little")
    with NpzArrays(str(path)) as arrays:
        assert np.array_equal(arrays.read("images"), array)
    path.write_bytes(path.read_bytes().replace(checksum, b"\1\2\3\4"))
    refused(path, r"a\.npz: images cannot be read .*CRC", "read")


@pytest.mark.parametrize("method", ["header", "read", "map"])
def test_damaged_headers_are_found(stored, method):
    whole = Path(stored).read_bytes()
    for find, by in ((b"\x93NUMPY\x01", b"\x93NUMPY\x09"), (b"PK\x03\x04", b"PK\x00\x00")):
        Path(stored).write_bytes(whole.replace(find, by))
        refused(stored, r"stored\.npz: images cannot be read", method)
