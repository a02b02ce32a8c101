"""Digits: real images that need no download."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from dmmix.datasets import Digits
from dmmix.datasets.sources import digits

pytestmark = pytest.mark.openmmlab


def pixels(dataset):
    return [sample["img"].tobytes() for sample in dataset]


def labels(dataset):
    return np.array([sample["gt_label"] for sample in dataset])


@pytest.fixture(scope="module")
def train():
    return Digits(split="train")


@pytest.fixture(scope="module")
def held_out():
    return Digits(split="test")


def test_a_sample(held_out):
    sample = held_out[3]
    image = sample["img"]
    assert image.shape == (8, 8, 1)
    assert image.dtype == np.uint8
    assert image.min() == 0
    assert image.max() == 255
    assert type(sample["gt_label"]) is int  # the only integer that mmpretrain's samples take


def test_the_splits_are_those_that_scikit_learn_draws(train, held_out):
    images, numbers = load_digits(return_X_y=True)
    drawn = train_test_split(
        np.arange(len(numbers)), test_size=0.5, stratify=numbers, random_state=0
    )
    for rows, split in zip(drawn, (train, held_out), strict=True):
        expected = np.rint(images[np.sort(rows)] * 255 / 16).astype(np.uint8)
        assert pixels(split) == [image.tobytes() for image in expected]
        assert labels(split).tolist() == numbers[np.sort(rows)].tolist()


def test_without_the_file_scikit_learn_loads_it(train, monkeypatch):
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    assert pixels(Digits(split="train")) == pixels(train)
    assert labels(Digits(split="train")).tolist() == labels(train).tolist()


def test_labels_per_class(train):
    chosen = []
    for count, seed in ((1, 0), (87, 0), (5, 0), (5, 0), (5, 1)):
        few = Digits(labels_per_class=count, subset_seed=seed)
        assert np.bincount(labels(few)).tolist() == [count] * 10
        chosen.append({*pixels(few)})
        assert chosen[-1] <= {*pixels(train)}
    assert chosen[2] == chosen[3] != chosen[4]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (dict(split="val"), "split must be 'train' or 'test', got 'val'"),
        (dict(labels_per_class=88), "labels_per_class=88, but class 8 has only 87 samples"),
        (dict(labels_per_class=0), "labels_per_class must be an int of at least 1 or None, got 0"),
        (dict(split="test", labels_per_class=5), "labels_per_class is for split='train'"),
    ],
)
def test_bad_arguments(arguments, says):
    with pytest.raises(ValueError, match=says):
        Digits(**arguments)
