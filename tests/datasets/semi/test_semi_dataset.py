"""A labelled and an unlabelled stream of one dataset."""

import pickle

import numpy as np
import pytest
import torch

from dmmix.datasets import Digits, InMemory
from tests.datasets.semi.small import DIGITS, semi

pytestmark = pytest.mark.openmmlab


@pytest.fixture(scope="module")
def whole():
    return InMemory(Digits(split="train"))


def test_what_is_labelled(whole):
    dataset = semi(dict(num_labels=40, seed=3))
    labels = whole.get_gt_labels()
    assert dataset.stream_sizes == (40, len(whole))
    assert len(dataset) == 40 + len(whole)
    assert dataset.num_classes == 10
    assert np.bincount(dataset.get_gt_labels()).tolist() == [4] * 10
    assert dataset.get_gt_labels().tolist() == labels[dataset.labelled_rows].tolist()
    same = semi(dict(labels_per_class=4, seed=3))
    assert same.labelled_rows.tolist() == dataset.labelled_rows.tolist()
    assert semi(dict(num_labels=40, seed=4)).labelled_rows.tolist() != same.labelled_rows.tolist()


def test_a_batch(whole):
    dataset = semi()
    index = [3, 39, 0, 40, 40 + 7, 40 + len(whole) - 1]
    batch = dataset.__getitems__(index)
    assert set(batch) == {"labelled", "unlabelled"}
    assert set(batch["labelled"]) == {"inputs", "labels"}
    assert set(batch["unlabelled"]) == {"inputs", "index"}  # no labels
    assert batch["labelled"]["inputs"].dtype == torch.uint8
    for k, i in enumerate(index[:3]):
        expected = whole[int(dataset.labelled_rows[i])]
        assert torch.equal(batch["labelled"]["inputs"][k], expected["inputs"])
        assert batch["labelled"]["labels"][k] == expected["labels"]
    for k, j in enumerate((0, 7, len(whole) - 1)):
        assert torch.equal(batch["unlabelled"]["inputs"][k], whole[j]["inputs"])
        assert batch["unlabelled"]["index"][k] == j


def test_hidden_labels(whole):
    batch = semi(hidden_labels=True).__getitems__([0, 45, 50])
    labels = whole.get_gt_labels()
    assert batch["unlabelled"]["hidden_labels"].tolist() == labels[[5, 10]].tolist()


def test_one_stream_alone_and_later_draws():
    dataset = semi()
    n = len(dataset)
    assert set(dataset[0]) == {"labelled"}
    assert set(dataset[45]) == {"unlabelled"}
    with pytest.raises(IndexError, match="index -1 is out of range"):
        dataset[-1]
    first, later = (dataset.__getitems__(index) for index in ([1, 60], [1 + n, 60 + 3 * n]))
    for name in first:  # in memory there is one crop
        assert torch.equal(first[name]["inputs"], later[name]["inputs"])
    later["labelled"]["inputs"].zero_()
    assert torch.equal(dataset[1]["labelled"]["inputs"], first["labelled"]["inputs"])


def test_the_rest(whole):
    dataset = semi(unlabelled="rest")
    assert dataset.num_unlabelled == len(whole) - 40
    assert not set(dataset.unlabelled_rows) & set(dataset.labelled_rows)
    batch = dataset.__getitems__([40])
    row = int(dataset.unlabelled_rows[0])
    assert torch.equal(batch["unlabelled"]["inputs"][0], whole[row]["inputs"])


def test_another_dataset(whole):
    test = dict(type="InMemory", dataset=dict(type="Digits", split="test"))
    dataset = semi(unlabelled=test)
    other = InMemory(Digits(split="test"))
    assert dataset.num_unlabelled == len(other)
    batch = dataset.__getitems__([0, 40 + 5])
    assert torch.equal(batch["unlabelled"]["inputs"][0], other[5]["inputs"])
    row = int(dataset.labelled_rows[0])
    assert torch.equal(batch["labelled"]["inputs"][0], whole[row]["inputs"])


class OneByOne(torch.utils.data.Dataset):
    """Neither whole batches nor repeats: crops of its own by the epoch."""

    epoch = 0

    @property
    def metainfo(self):
        return dict(classes=("a", "b"))

    def set_epoch(self, epoch):
        self.epoch = epoch

    def get_gt_labels(self):
        return np.arange(8) % 2

    def __len__(self):
        return 8

    def __getitem__(self, index):
        image = torch.tensor([[[index, self.epoch]]], dtype=torch.uint8)
        return {"inputs": image, "labels": torch.tensor(index % 2), "name": str(index)}


def test_samples_one_by_one():
    dataset = semi(dict(num_labels=4), dataset=OneByOne())
    dataset.set_epoch(5)
    batch = dataset.__getitems__([0, 3, 4, 11, 12 + 4])
    rows = dataset.labelled_rows[[0, 3]]
    assert batch["labelled"]["inputs"].tolist() == [[[[row, 5]]] for row in rows]
    assert batch["labelled"]["labels"].tolist() == (rows % 2).tolist()
    assert batch["unlabelled"]["inputs"][:, 0, 0, 0].tolist() == [0, 7, 0]
    assert batch["unlabelled"]["index"].tolist() == [0, 7, 0]


def test_the_split_depends_on_nothing_else(tmp_path):
    """Every process has the same, whatever its random numbers, and so has a resumed run."""
    splits = []
    file = str(tmp_path / "split.json")
    for seed, subset in ((1, dict(num_labels=40, seed=7, file=file)), (2, dict(file=file)),
                         (3, dict(num_labels=40, seed=7))):  # fmt: skip
        torch.manual_seed(seed)
        np.random.seed(seed)
        splits.append(semi(subset, unlabelled="rest"))
    for other in splits[1:]:
        assert np.array_equal(splits[0].labelled_rows, other.labelled_rows)
        assert np.array_equal(splits[0].unlabelled_rows, other.unlabelled_rows)


def test_a_part_of_a_part():
    base = {**DIGITS, "subset": dict(labels_per_class=6, seed=1)}
    dataset = semi(dict(num_labels=20), dataset=base, unlabelled="rest")
    assert dataset.stream_sizes == (20, 40)
    assert dataset.labelled_rows.max() < 60


def test_images_are_held_once(whole):
    assert semi().metainfo == whole.metainfo
    assert semi().CLASSES == whole.CLASSES
    assert "Labelled: \t40 (labels_per_class=4, seed=0)" in repr(semi())
    for options in (dict(), dict(unlabelled="rest")):
        assert len(pickle.dumps(semi(**options))) < 1.3 * len(pickle.dumps(whole))
