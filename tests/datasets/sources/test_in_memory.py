"""InMemory: one tensor, and batches in one gather."""

import gc
import multiprocessing
import os
import weakref

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from dmmix.datasets import Digits, InMemory, NPZDataset, whole_batch
from dmmix.datasets.sources import in_memory
from dmmix.registry import DATASETS
from tests.datasets.small_data import (
    MNIST,
    BaseDataset,
    SmallCIFAR10,
    SmallCIFAR100,
    write_cifar,
    write_mnist,
)

pytestmark = pytest.mark.openmmlab

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 7, 5, 3), dtype=np.uint8)
LABELS = RNG.integers(0, 4, 60)


@pytest.fixture
def path(tmp_path):
    np.savez(tmp_path / "data.npz", x_train=IMAGES, y_train=LABELS, classes=list("abcd"))
    return str(tmp_path / "data.npz")


def mapped(path, **options):
    return InMemory(NPZDataset(path, mmap=True), **options)


def read(path, **options):
    return InMemory(NPZDataset(path, mmap=False), **options)


BOTH = pytest.mark.parametrize("make", [read, mapped])


class Listed(BaseDataset):
    """Any dataset whose samples have their image in memory."""

    METAINFO = dict(classes=("a", "b"))  # noqa: RUF012

    def __init__(self, samples, **kwargs):
        self.samples = samples
        super().__init__(ann_file="", **kwargs)

    def load_data_list(self):
        return self.samples


def everything(dataset):
    batch = dataset.__getitems__(range(len(dataset)))
    return batch["inputs"].permute(0, 2, 3, 1).numpy(), batch["labels"].numpy()


@BOTH
@pytest.mark.parametrize(
    ("indices", "error", "says"),
    [
        ([0, 60], IndexError, "index 60 is out of range for 60 samples"),
        ([0, -61], IndexError, "index -61 is out of range for 60 samples"),
        ([0.5], TypeError, r"indices must be \(B,\) integers, got \(1,\) torch.float32"),
        ([[1]], TypeError, r"indices must be \(B,\) integers, got \(1, 1\)"),
        ([True, False], TypeError, "torch.bool"),
    ],
)
def test_bad_indices(make, path, indices, error, says):
    with pytest.raises(error, match=says):
        make(path).__getitems__(indices)


@pytest.mark.parametrize("kind", [SmallCIFAR10, SmallCIFAR100])
@pytest.mark.parametrize("split", ["train", "test"])
def test_cifar(tmp_path, kind, split):
    images, labels = write_cifar(tmp_path, kind)[split]
    config = dict(type=kind, data_root=str(tmp_path), split=split, download=False)
    for dataset in (InMemory(config), InMemory(DATASETS.build(config))):
        found = everything(dataset)
        assert np.array_equal(found[0], images)  # RGB
        assert np.array_equal(found[1], labels)
        assert len(dataset.metainfo["classes"]) == (10 if kind is SmallCIFAR10 else 100)


@pytest.mark.parametrize("kind", ["MNIST", "FashionMNIST"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_mnist(tmp_path, kind, split):
    """Also the test split, for which mmpretrain wants test_mode=True beside split='test'."""
    images, labels = write_mnist(tmp_path)[split]
    config = dict(type=kind, data_root=str(tmp_path), split=split, download=False)
    found = everything(InMemory(config))
    assert np.array_equal(found[0], images)
    assert np.array_equal(found[1], labels)


def test_a_dataset_that_was_given_is_left_as_it_was(tmp_path):
    write_cifar(tmp_path, SmallCIFAR10)
    for serialize in (True, False):
        given_one = SmallCIFAR10(str(tmp_path), serialize_data=serialize)
        before = [sample["img"].copy() for sample in given_one]
        InMemory(given_one)
        assert all(np.array_equal(a, b["img"]) for a, b in zip(before, given_one, strict=True))


def test_it_says_what_it_is(path):
    for part in ("Number of samples: \t60", "3 x 7 x 5 uint8", "Made from: \tNPZDataset", "cpu"):
        assert part in repr(read(path))
    assert f"mapped from {path}" in repr(mapped(path))


def test_nothing_is_serialised_and_nothing_kept(tmp_path, monkeypatch):
    write_cifar(tmp_path, SmallCIFAR10)
    monkeypatch.setattr(BaseDataset, "_serialize_data", lambda self: 1 / 0)
    built = []
    load = SmallCIFAR10.load_data_list

    def remember(self):
        built.append(weakref.ref(self))
        return load(self)

    monkeypatch.setattr(SmallCIFAR10, "load_data_list", remember)
    dataset = InMemory(dict(type=SmallCIFAR10, data_root=str(tmp_path)))
    gc.collect()
    assert len(dataset) == 60
    assert built[0]() is None


def test_the_arrays_of_a_dataset_are_taken_over(path):
    source = NPZDataset(path, mmap=False)
    dataset = InMemory(source)
    assert dataset._images.data_ptr() == source._images.data_ptr()


@pytest.mark.parametrize("split", ["train", "test"])
def test_digits(split):
    given_ones = Digits(split=split)
    images, labels = everything(InMemory(dict(type="Digits", split=split)))
    assert np.array_equal(images, np.stack([sample["img"] for sample in given_ones]))
    assert np.array_equal(labels, given_ones.get_gt_labels())


@pytest.mark.slow
def test_spawned_workers_share_the_tensor(path):
    """What they are sent is a handle, not the images."""
    dataset = read(path)
    assert not dataset._images.is_shared()
    context = multiprocessing.get_context("spawn")
    loader = DataLoader(
        dataset,
        batch_size=32,
        num_workers=1,
        collate_fn=whole_batch,
        multiprocessing_context=context,
    )
    images = torch.cat([batch["inputs"] for batch in loader])
    assert np.array_equal(images.permute(0, 2, 3, 1).numpy(), IMAGES)
    assert dataset._images.is_shared()
    assert np.array_equal(everything(dataset)[0], IMAGES)


@BOTH
def test_what_a_spawned_worker_is_sent_is_small(make, tmp_path):
    from multiprocessing.reduction import ForkingPickler

    images = np.zeros((1000, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "data.npz", x_train=images, y_train=np.zeros(1000, int))
    dataset = make(str(tmp_path / "data.npz"))
    assert len(ForkingPickler.dumps(dataset)) < 10_000


def test_a_mapped_file_that_changes_is_noticed_by_the_next_batch(path):
    dataset = mapped(path)
    dataset.__getitems__([0])
    os.truncate(path, 1000)
    with pytest.raises(RuntimeError, match="changed while it was mapped"):
        dataset.__getitems__([0])


def sample(**changes):
    return {**dict(img=IMAGES[0], gt_label=1), **changes}


@pytest.mark.parametrize(
    ("samples", "error", "says"),
    [
        ([], ValueError, "Listed has no samples"),
        ([dict(img_path="a.jpg", gt_label=1)], TypeError, "needs 'img'.*DecodedImages"),
        ([dict(img=IMAGES[0])], TypeError, r"needs 'gt_label', the samples of Listed have"),
        ([sample(), sample(img=IMAGES[0, 1:])], ValueError, "images must have one size"),
        ([sample(img=IMAGES[0] / 255)], TypeError, "image 0 is float64"),
    ],
)
def test_bad_datasets(samples, error, says):
    with pytest.raises(error, match=says):
        InMemory(dict(type=Listed, samples=samples))


def test_bad_devices(path, monkeypatch):
    with pytest.raises(ValueError, match=r"device must be .*, got 'gpu'"):
        read(path, device="gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device='cuda', but there is no CUDA device"):
        read(path, device="cuda")


@pytest.fixture
def a_gpu(monkeypatch):
    """Pretends that there is a GPU, and returns how much of its memory is free."""
    memory = dict(free=10**9)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (memory["free"], 10**10))
    return memory


@pytest.fixture
def moves(monkeypatch):
    """Where data was moved to, without moving it."""
    moved = []
    monkeypatch.setattr(InMemory, "_move", lambda self, device: moved.append(str(device)))
    return moved


@pytest.mark.parametrize(
    ("device", "free", "expected"),
    [
        ("auto", 4 * 6300 + 1, ["cuda:0"]),
        ("auto", 4 * 6300, []),
        ("cuda", 1, ["cuda:0"]),
        ("cpu", 10**9, []),
    ],
)
def test_the_first_batch_moves_the_data(path, a_gpu, moves, device, free, expected):
    assert IMAGES.nbytes == 6300
    a_gpu["free"] = free
    dataset = read(path, device=device)
    dataset[0], dataset.metainfo, repr(dataset)
    assert moves == []
    dataset.__getitems__([0])
    dataset.__getitems__([0])
    assert moves == expected


@pytest.mark.parametrize("make", [read, mapped])
def test_all_of_it_is_moved(make, path, monkeypatch):
    monkeypatch.setattr(in_memory, "_PIECE", 1000)  # nine images at once
    dataset = make(path)
    copies = []
    monkeypatch.setattr(torch.Tensor, "is_cuda", property(lambda self: copies.append(1) or False))
    dataset._move(torch.device("cpu"))
    assert isinstance(dataset._images, torch.Tensor)
    assert np.array_equal(dataset._images.numpy(), IMAGES)
    assert np.array_equal(everything(dataset)[0], IMAGES)


def test_a_worker_stays_on_the_cpu(path, a_gpu, moves):
    loader = DataLoader(read(path), batch_size=32, num_workers=1, collate_fn=whole_batch)
    batches = list(loader)
    assert moves == []
    assert not any(batch["inputs"].is_cuda for batch in batches)


def test_data_on_a_gpu_is_refused_in_a_worker(path, a_gpu, monkeypatch):
    dataset = read(path, device="cuda")
    loader = DataLoader(dataset, batch_size=32, num_workers=1, collate_fn=whole_batch)
    with pytest.raises(RuntimeError, match=r"device='cuda'\).*take num_workers=0"):
        list(loader)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", ["auto", "cuda"])
@BOTH
def test_batches_come_from_the_gpu(make, path, device):
    dataset = make(path, device=device)
    batch = dataset.__getitems__([4, -1])
    assert batch["inputs"].is_cuda
    assert batch["labels"].is_cuda
    assert np.array_equal(batch["inputs"].permute(0, 2, 3, 1).cpu().numpy(), IMAGES[[4, -1]])
    assert batch["labels"].tolist() == LABELS[[4, -1]].tolist()
    with pytest.raises(RuntimeError, match="take num_workers=0"):
        list(DataLoader(dataset, batch_size=32, num_workers=1, collate_fn=whole_batch))


def test_mnist_of_mmpretrain_goes_by_test_mode():
    """The reason for what InMemory does about it; if this fails, it may be left out."""
    import inspect

    assert "self.test_mode" in inspect.getsource(MNIST.load_data_list)
