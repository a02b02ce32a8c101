"""ClassWeightedSampler against the formula, on every kind of source."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from dmmix.datasets import ClassWeightedSampler, Digits, InMemory, NPZDataset, unwrap

pytestmark = pytest.mark.openmmlab

SIZES = (900, 80, 20)


class Long(Dataset):
    """A long tail, with labels one by one."""

    def __init__(self, labels=None):
        self.labels = np.repeat(np.arange(3), SIZES) if labels is None else labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return index

    def get_cat_ids(self, index):
        return [self.labels[index]] if np.ndim(self.labels[index]) == 0 else self.labels[index]


class Labelled(Long):
    def get_gt_labels(self):
        return np.asarray(self.labels)


class Repeating(Labelled):
    repeats = True

    def set_epoch(self, epoch):
        pass


@pytest.mark.parametrize("kind", [Long, Labelled])
@pytest.mark.parametrize("q", [0.0, 0.5, 1.0])
def test_classes_are_drawn_by_the_formula(kind, q):
    data = kind()
    sampler = ClassWeightedSampler(data, q=q, seed=0)
    drawn = []
    for epoch in range(30):
        sampler.set_epoch(epoch)
        drawn += list(sampler)
    share = np.bincount(data.labels[drawn], minlength=3) / len(drawn)
    expected = np.array(SIZES) ** q / (np.array(SIZES) ** q).sum()
    assert share == pytest.approx(expected, abs=4 * np.sqrt(0.25 / len(drawn)))
    # Within a class, each image alike.
    times = np.bincount(drawn, minlength=1000)[900:980]
    assert times.min() > 0.3 * times.mean()


def test_an_epoch_is_its_own_and_the_same_again():
    first, second = (ClassWeightedSampler(Long(), seed=3) for _ in range(2))
    assert list(first) == list(second)
    second.set_epoch(1)
    assert list(first) != list(second)
    assert len(first) == len(list(first)) == 1000


def test_two_processes_share_the_draws(monkeypatch):
    whole = list(ClassWeightedSampler(Long(), seed=3))
    parts = []
    for rank in range(2):
        monkeypatch.setattr(
            "dmmix.datasets.batches.class_weighted_sampler.get_dist_info",
            lambda rank=rank: (rank, 2),
        )
        parts.append(list(ClassWeightedSampler(Long(), seed=3)))
    assert parts[0] == whole[::2]
    assert parts[1] == whole[1::2]


def test_copies_are_cropped_anew():
    plain = list(ClassWeightedSampler(Labelled(), seed=0))
    drawn = list(ClassWeightedSampler(Repeating(), seed=0))
    assert [index % 1000 for index in drawn] == plain
    assert len(set(drawn)) == len(drawn)
    seen = Counter()
    for index in drawn:
        assert index // 1000 == seen[index % 1000]
        seen[index % 1000] += 1


def test_sources_of_dmmix_and_wrappers(tmp_path):
    images = np.zeros((30, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", x_train=images, y_train=np.repeat([0, 1], [25, 5]))
    npz = NPZDataset(str(tmp_path / "data.npz"), num_classes=2)
    wrapped = unwrap(torch.utils.data.Subset(npz, range(20, 30)))
    for data in (npz, InMemory(npz), Digits(split="train"), wrapped):
        drawn = list(ClassWeightedSampler(data, seed=0))
        assert len(drawn) == len(data)
        assert max(drawn) < len(data)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.array([0, -1, 1]), "no label for 1 of 3 samples, the first is 1"),
        ([[0, 1], [1], [0]], "no label for 1 of 3 samples"),
        (np.array([], dtype=int), "no label for 0 of 0"),
    ],
)
def test_what_cannot_be_drawn(labels, says):
    with pytest.raises(ValueError, match=says):
        ClassWeightedSampler(Long(labels), seed=0)
    with pytest.raises(ValueError, match=r"q must be a number in \[0, 1\], got 2"):
        ClassWeightedSampler(Long(), q=2)
