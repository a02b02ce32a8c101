"""InMemory: one tensor, batches in one gather; of a subset, only its images in memory."""

import gc
import inspect
import weakref
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from dmmix.datasets import CIFAR10, Digits, InMemory, NPZDataset, subset_indices, whole_batch
from dmmix.datasets.arrays import mapped_array, npz_arrays
from dmmix.datasets.sources import in_memory
from dmmix.registry import DATASETS
from dmmix.testing.layouts import make_layout
from tests.datasets.small_data import MNIST, BaseDataset, write_mnist

pytestmark = pytest.mark.openmmlab

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 7, 5, 3), dtype=np.uint8)
LABELS = RNG.permutation(np.repeat(range(4), 15))
FEW = dict(labels_per_class=3, seed=1)
ROWS = subset_indices(LABELS, FEW)


@pytest.fixture
def path(tmp_path):
    np.savez(tmp_path / "data.npz", x_train=IMAGES, y_train=LABELS, classes=list("abcd"))
    return str(tmp_path / "data.npz")


def mapped(path, **options):
    return InMemory(NPZDataset(path, mmap=True), **options)


def read(path, **options):
    return InMemory(NPZDataset(path, mmap=False), **options)


def loaded(dataset, **options):
    return DataLoader(dataset, batch_size=32, num_workers=1, collate_fn=whole_batch, **options)


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
def test_bad_indices(path, indices, error, says):
    with pytest.raises(error, match=says):
        read(path).__getitems__(indices)


def check(dataset, images=IMAGES, labels=LABELS, rows=ROWS):
    assert len(dataset) == len(rows)
    assert dataset.rows.tolist() == rows.tolist()
    found = everything(dataset)
    assert np.array_equal(found[0], images[rows])
    assert found[1].tolist() == dataset.get_gt_labels().tolist() == labels[rows].tolist()


@pytest.mark.parametrize("kind", ["CIFAR10", "CIFAR100", "MNIST", "FashionMNIST"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_arrays_that_mmpretrain_reads(tmp_path, kind, split):
    """MNIST's test split too, for which mmpretrain wants test_mode=True beside split='test'."""
    config = dict(type=kind, data_root=str(tmp_path), split=split, download=False)
    if "MNIST" in kind:
        images, labels = write_mnist(tmp_path, 200)[split]
    else:
        config |= dict(data_root=make_layout(kind.lower(), tmp_path), checksums=False)
        given = DATASETS.build(config)  # RGB: see test_cifar
        images, labels = np.stack([one["img"] for one in given]), given.get_gt_labels()
    whole = InMemory(config)
    check(whole, images, labels, np.arange(len(labels)))
    assert len(whole.metainfo["classes"]) == (100 if kind == "CIFAR100" else 10)
    half = dict(label_fraction=0.5)
    rows = subset_indices(labels, half)
    check(InMemory(config, subset=half), images, labels, rows)
    for serialize in () if "MNIST" in kind else (True, False):
        given = DATASETS.build(dict(config, serialize_data=serialize))
        check(InMemory(given, subset=half), images, labels, rows)
        # It is left as it was.
        assert np.array_equal(np.stack([sample["img"] for sample in given]), images)


def test_it_says_what_it_is(path):
    for part in ("Number of samples: \t60", "3 x 7 x 5 uint8", "Made from: \tNPZDataset", "cpu"):
        assert part in repr(read(path))
    assert f"mapped from {path}" in repr(mapped(path))


def test_nothing_is_serialised_and_nothing_kept(tmp_path, monkeypatch):
    root = make_layout("cifar10", tmp_path)
    monkeypatch.setattr(BaseDataset, "_serialize_data", lambda self: 1 / 0)
    built, load = [], CIFAR10.load_data_list
    monkeypatch.setattr(
        CIFAR10, "load_data_list", lambda self: built.append(weakref.ref(self)) or load(self)
    )
    dataset = InMemory(dict(type="CIFAR10", data_root=root, checksums=False))
    gc.collect()
    assert len(dataset) == 40
    assert built[0]() is None


def test_the_arrays_of_a_dataset_are_taken_over(path):
    source = NPZDataset(path, mmap=False)
    assert InMemory(source)._images.data_ptr() == source._images.data_ptr()


@BOTH
def test_what_a_spawned_worker_is_sent_is_small(make, tmp_path):
    images = np.zeros((1000, 32, 32, 3), np.uint8)
    np.savez(tmp_path / "data.npz", x_train=images, y_train=np.zeros(1000, int))
    dataset = make(str(tmp_path / "data.npz"))
    assert len(ForkingPickler.dumps(dataset)) < 10_000


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


@pytest.mark.parametrize(("device", "free", "expected"), [
    ("auto", 4 * 6300 + 1, ["cuda:0"]), ("auto", 4 * 6300, []),
    ("cuda", 1, ["cuda:0"]), ("cpu", 10**9, []),
])  # fmt: skip
def test_the_first_batch_moves_the_data(path, a_gpu, moves, device, free, expected):
    assert IMAGES.nbytes == 6300
    a_gpu["free"] = free
    dataset = read(path, device=device)
    dataset[0], dataset.metainfo, repr(dataset)
    assert moves == []
    dataset.__getitems__([0])
    dataset.__getitems__([0])
    assert moves == expected


@BOTH
def test_all_of_it_is_moved(make, path, monkeypatch):
    monkeypatch.setattr(in_memory, "_PIECE", 1000)  # nine images at once
    dataset = make(path)
    copies = []
    monkeypatch.setattr(torch.Tensor, "is_cuda", property(lambda self: copies.append(1) or False))
    dataset._move(torch.device("cpu"))
    assert isinstance(dataset._images, torch.Tensor)
    assert np.array_equal(dataset._images.numpy(), IMAGES)
    assert np.array_equal(everything(dataset)[0], IMAGES)


def test_a_worker_stays_on_the_cpu_and_refuses_data_on_a_gpu(path, a_gpu, moves):
    batches = list(loaded(read(path)))
    assert moves == []
    assert not any(batch["inputs"].is_cuda for batch in batches)
    with pytest.raises(RuntimeError, match=r"device='cuda'\).*take num_workers=0"):
        list(loaded(read(path, device="cuda")))


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
        list(loaded(dataset))


# subset = dict(...)


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("lazy", [True, False])
def test_a_subset_of_a_dataset_that_was_given(path, mmap, lazy):
    ready = NPZDataset(path, mmap=mmap, lazy_init=lazy)
    check(InMemory(ready, subset=FEW))
    assert len(ready) == 60  # it is left as it was


def test_only_the_rows_of_the_subset_are_read(path, monkeypatch):
    asked = []
    take = mapped_array.MappedArray.take
    monkeypatch.setattr(
        mapped_array.MappedArray,
        "take",
        lambda self, index: asked.append(len(take(self, index))) or take(self, index),
    )
    read = npz_arrays.NpzArrays.read

    def read_labels(self, name):
        assert name != "x_train"
        return read(self, name)

    monkeypatch.setattr(npz_arrays.NpzArrays, "read", read_labels)
    dataset = InMemory(dict(type="NPZDataset", data_file=path, mmap=False), subset=FEW)
    assert asked == [12]
    assert dataset._images.untyped_storage().nbytes() == 12 * 7 * 5 * 3
    mapped = InMemory(dict(type="NPZDataset", data_file=path, mmap=True), subset=FEW)
    assert asked == [12]
    mapped.__getitems__([3, 5])
    assert asked == [12, 2]


def test_on_top_of_what_the_dataset_itself_leaves_out(path):
    first = subset_indices(LABELS, dict(labels_per_class=10, seed=4))
    rows = subset_indices(LABELS[first], FEW)
    config = dict(type="NPZDataset", data_file=path, labels_per_class=10, subset_seed=4)
    for source in (config, NPZDataset(path, labels_per_class=10, subset_seed=4)):
        check(InMemory(source, subset=FEW), IMAGES[first], LABELS[first], rows)
    every_second = list(range(0, 60, 2))
    share = dict(label_fraction=0.5)
    rows = subset_indices(LABELS[every_second], share)
    source = dict(type="NPZDataset", data_file=path, indices=every_second)
    check(InMemory(source, subset=share), IMAGES[every_second], LABELS[every_second], rows)


def test_neighbours_do_not_keep_the_others_in_memory():
    """Views of one array, of which a subset happens to be one piece."""
    labels = np.array([0] * 3 + [1] * 3)
    samples = [dict(img=image, gt_label=int(y)) for image, y in zip(IMAGES, labels, strict=False)]
    seed = next(
        s for s in range(99) if subset_indices(labels, dict(labels_per_class=1, seed=s))[0] == 2
        and subset_indices(labels, dict(labels_per_class=1, seed=s))[1] == 3
    )  # fmt: skip
    dataset = InMemory(
        dict(type=Listed, samples=samples), subset=dict(labels_per_class=1, seed=seed)
    )
    assert dataset.rows.tolist() == [2, 3]
    assert not np.shares_memory(dataset._images.numpy(), IMAGES)
    assert np.array_equal(everything(dataset)[0], IMAGES[2:4])


def test_digits_choose_as_they_do_themselves():
    whole, few = Digits(), Digits(labels_per_class=10, subset_seed=3)
    images = np.stack([sample["img"] for sample in whole])
    ours = InMemory(dict(type="Digits"), subset=dict(labels_per_class=10, seed=3))
    check(ours, images, whole.get_gt_labels(), ours.rows)
    check(InMemory(few), images[ours.rows], few.get_gt_labels(), np.arange(100))


def test_bad_subsets(tmp_path, path):
    """Those that no data could have are told before it is read."""
    missing = dict(type="NPZDataset", data_file=str(tmp_path / "none.npz"))
    with pytest.raises(ValueError, match=r"unknown key 'seeds'.*did you mean 'seed'"):
        InMemory(missing, subset=dict(labels_per_class=4, seeds=0))
    with pytest.raises(ValueError, match=r"labels_per_class=16, but class 0 \('a'\) has only 15"):
        InMemory(dict(type="NPZDataset", data_file=path), subset=dict(labels_per_class=16))


def test_mnist_of_mmpretrain_goes_by_test_mode():
    """The reason for what InMemory does about it; if this fails, it may be left out."""
    assert "self.test_mode" in inspect.getsource(MNIST.load_data_list)
