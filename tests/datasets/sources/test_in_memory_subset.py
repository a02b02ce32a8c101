"""InMemory(subset=...): only some of the samples, and only their images in memory."""

import numpy as np
import pytest
import torch

from dmmix.datasets import Digits, InMemory, NPZDataset, subset_indices
from dmmix.datasets.arrays import mapped_array, npz_arrays
from tests.datasets.small_data import (
    SmallCIFAR10,
    write_cifar,
    write_mnist,
)
from tests.datasets.sources.test_in_memory import Listed, everything

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


def check(dataset, images=IMAGES, labels=LABELS, rows=ROWS):
    assert len(dataset) == len(rows)
    assert dataset.rows.tolist() == rows.tolist()
    found = everything(dataset)
    assert np.array_equal(found[0], images[rows])
    assert found[1].tolist() == dataset.get_gt_labels().tolist() == labels[rows].tolist()


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("lazy", [True, False])
def test_npz(path, mmap, lazy):
    config = dict(type="NPZDataset", data_file=path, mmap=mmap)
    check(InMemory(config, subset=FEW, lazy_init=lazy))
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


@pytest.mark.parametrize("subset", [dict(label_fraction=0.5), dict(label_fraction=1.0)])
def test_cifar(tmp_path, subset):
    images, _ = write_cifar(tmp_path, SmallCIFAR10)["train"]
    config = dict(type=SmallCIFAR10, data_root=str(tmp_path), download=False)
    labels = InMemory(config).get_gt_labels()
    rows = subset_indices(labels, subset)
    check(InMemory(config, subset=subset), images, labels, rows)
    for serialize in (True, False):
        ready = SmallCIFAR10(str(tmp_path), serialize_data=serialize)
        check(InMemory(ready, subset=subset), images, labels, rows)
        assert np.array_equal(np.stack([sample["img"] for sample in ready]), images)


def test_mnist(tmp_path):
    images, labels = write_mnist(tmp_path, 200)["train"]
    rows = subset_indices(labels, dict(labels_per_class=2))
    config = dict(type="MNIST", data_root=str(tmp_path), split="train", download=False)
    check(InMemory(config, subset=dict(labels_per_class=2)), images, labels, rows)


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
    theirs = InMemory(dict(type="Digits", labels_per_class=10, subset_seed=3))
    ours = InMemory(dict(type="Digits"), subset=dict(labels_per_class=10, seed=3))
    assert torch.equal(
        ours.__getitems__(range(100))["inputs"], theirs.__getitems__(range(100))["inputs"]
    )
    labels = Digits().get_gt_labels()
    assert np.bincount(labels[ours.rows]).tolist() == [10] * 10


@pytest.mark.parametrize("mmap", [True, False])
def test_all_of_it_where_nothing_is_said(path, mmap):
    check(InMemory(dict(type="NPZDataset", data_file=path, mmap=mmap)), rows=np.arange(60))


def test_bad_subsets_are_told_before_the_data_is_read(tmp_path):
    missing = dict(type="NPZDataset", data_file=str(tmp_path / "none.npz"))
    with pytest.raises(ValueError, match=r"unknown key 'seeds'.*did you mean 'seed'"):
        InMemory(missing, subset=dict(labels_per_class=4, seeds=0))


def test_more_than_there_are(path):
    with pytest.raises(ValueError, match=r"labels_per_class=16, but class 0 \('a'\) has only 15"):
        InMemory(dict(type="NPZDataset", data_file=path), subset=dict(labels_per_class=16))
