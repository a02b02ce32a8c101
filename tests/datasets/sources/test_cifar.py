"""CIFAR: files are checked, and read without running what a pickle may hold."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from dmmix.datasets import CIFAR10, CIFAR100
from dmmix.datasets.preparation import DownloadError
from dmmix.datasets.sources import cifar as module
from dmmix.registry import DATASETS
from dmmix.testing.layouts import make_layout

pytestmark = pytest.mark.openmmlab

KINDS = {"cifar10": CIFAR10, "cifar100": CIFAR100}


def rewrite(path, **changes):
    content = pickle.loads(path.read_bytes())
    path.write_bytes(pickle.dumps({**content, **changes}, protocol=2))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_it_reads_what_mmpretrain_reads(tmp_path, monkeypatch, name, split):
    root = make_layout(name, tmp_path)
    ours = KINDS[name](root, split=split, checksums=False, serialize_data=False)
    assert ours.data_list[0]["img"].flags.c_contiguous  # else InMemory would copy them
    published = DATASETS.get(f"mmpretrain.{name.upper()}")
    monkeypatch.setattr(published, "_check_integrity", lambda self: True)
    theirs = published(root, split=split)
    assert ours.metainfo == theirs.metainfo
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a["gt_label"] == b["gt_label"]
        assert a["img"].shape == (32, 32, 3)
        assert np.array_equal(a["img"], b["img"])


def python_2_pickle(rows, labels):
    """The opcodes that Python 2 wrote: byte strings, and the old names of NumPy's functions."""
    raw = rows.tobytes()
    number = lambda n: b"J" + n.to_bytes(4, "little", signed=True)  # noqa: E731
    return b"".join([
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\n",
        b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R",
        b"(K\x01", number(rows.shape[0]), number(rows.shape[1]), b"\x86",
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R",
        b"(K\x03U\x01|NNN", number(-1), number(-1), b"K\x00tb\x89",
        b"T", len(raw).to_bytes(4, "little"), raw, b"tb",
        b"U\x06labels](", *map(number, labels), b"eu.",
    ])  # fmt: skip


def test_python_2_wrote_the_published_files(tmp_path):
    root = make_layout("cifar10", tmp_path)
    path = Path(root, "cifar-10-batches-py", "test_batch")
    content = pickle.loads(path.read_bytes())
    expected = CIFAR10(root, split="test", checksums=False)
    path.write_bytes(python_2_pickle(content["data"], content["labels"]))
    found = CIFAR10(root, split="test", checksums=False)
    assert np.array_equal(found.get_gt_labels(), expected.get_gt_labels())
    for a, b in zip(found, expected, strict=True):
        assert np.array_equal(a["img"], b["img"])


def test_the_checksums_are_compared(tmp_path, monkeypatch):
    root = make_layout("cifar100", tmp_path)
    monkeypatch.setattr(module, "fetch", None)  # nothing is downloaded
    with pytest.raises(ValueError, match=r"train has the MD5 checksum \w+ instead of 16019"):
        CIFAR100(root)
    files = Path(root, "cifar-100-python")
    for attribute, name in (("train_list", "train"), ("test_list", "test")):
        monkeypatch.setattr(CIFAR100, attribute, [[name, module.md5(str(files / name))]])
    seen, work = [], module.md5
    monkeypatch.setattr(module, "md5", lambda path: seen.append(path) or work(path))
    assert len(CIFAR100(root)) == 400
    assert seen == [str(files / "train"), str(files / "test")]  # each once: it takes a second
    rewrite(files / "test", filenames=[])
    with pytest.raises(ValueError, match="cifar-100-python/test has the MD5 checksum"):
        CIFAR100(root)


def test_missing_files(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"missing in .*: unpack cifar-10-python\.tar"):
        CIFAR10(str(tmp_path), download=False)

    def no_network(archive, folder):
        raise DownloadError("no route to host")

    monkeypatch.setattr(module, "fetch", no_network)
    with pytest.raises(FileNotFoundError, match=r"downloaded \(no route to host\): get htt"):
        CIFAR10(str(tmp_path))
    monkeypatch.setattr(module, "fetch", lambda *a: None)
    with pytest.raises(FileNotFoundError, match="CIFAR10 has files missing in "):
        CIFAR10(str(tmp_path))


def test_all_processes_meet_once_whatever_they_find(tmp_path, monkeypatch):
    """One that does not wait for the others would leave them waiting for ever."""
    root = make_layout("cifar10", tmp_path)
    met = []
    monkeypatch.setattr(module.dist, "barrier", lambda: met.append(1))
    monkeypatch.setattr(module, "fetch", lambda *a: None)
    for main in (True, False):
        monkeypatch.setattr(module.dist, "is_main_process", lambda m=main: m)
        for folder in (root, str(tmp_path)):
            met.clear()
            try:
                CIFAR10(folder, checksums=False, download=False)
            except FileNotFoundError:
                assert folder != root
            assert met == [1]


def test_a_missing_file_is_downloaded(tmp_path, monkeypatch):
    root = make_layout("cifar10", tmp_path)
    file = Path(root, "cifar-10-batches-py", "data_batch_2")
    content = file.read_bytes()
    file.unlink()

    def fetch(archive, folder):
        assert (archive.url, archive.name) == (CIFAR10.url, CIFAR10.filename)
        file.write_bytes(content)

    monkeypatch.setattr(module, "fetch", fetch)
    assert len(CIFAR10(root, checksums=False)) == 40


class Hostile:
    def __reduce__(self):
        return print, ("code of the file was run",)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (dict(labels=[10] * 8), ": image 0 has the label 10, .* below 10"),
        (dict(labels=[0, 1, -1, 2, 3, 4, 5, 6]), ": image 2 has the label -1"),
        (dict(labels=[0] * 7), " has 7 labels for 8 images"),
        (dict(data=np.zeros((8, 3000), np.uint8)), " cannot be read as a batch"),
        (dict(more=Hostile()), " cannot be read .*print is not allowed"),
        (None, " cannot be read as a batch of CIFAR"),
    ],
)
def test_bad_content(tmp_path, capsys, changes, says):
    root = make_layout("cifar10", tmp_path)
    path = Path(root, "cifar-10-batches-py", "data_batch_3")
    if changes is None:  # it is cut off
        path.write_bytes(path.read_bytes()[:5000])
    else:
        rewrite(path, **changes)
    with pytest.raises(ValueError, match=f"data_batch_3{says}"):
        CIFAR10(root, checksums=False)
    assert "was run" not in capsys.readouterr().out
