"""Digits: real images that need no download."""

import numpy as np
import pytest

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


def test_every_image_is_in_one_of_the_splits(train, held_out):
    assert len(train) + len(held_out) == 1797
    for number in range(10):
        in_train, in_test = (labels(part) == number for part in (train, held_out))
        assert abs(in_train.sum() - in_test.sum()) <= 1
    # scikit-learn's images are all different.
    assert not set(pixels(train)) & set(pixels(held_out))


def test_a_sample(held_out):
    sample = held_out[3]
    image = sample["img"]
    assert image.shape == (8, 8, 1)
    assert image.dtype == np.uint8
    assert image.min() == 0
    assert image.max() == 255
    assert type(sample["gt_label"]) is int  # the only integer that mmpretrain's samples take


def test_images_are_those_of_scikit_learn(train):
    from sklearn.datasets import load_digits

    given = load_digits()
    known = {
        np.rint(image * 255 / 16).astype(np.uint8).tobytes(): label
        for image, label in zip(given.images, given.target, strict=True)
    }
    for sample in train:
        assert known[sample["img"].tobytes()] == sample["gt_label"]


def test_the_splits_are_those_that_scikit_learn_draws(train, held_out):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

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


def test_the_splits_never_change(held_out):
    assert pixels(Digits(split="test")) == pixels(held_out)


@pytest.mark.parametrize("count", [1, 10, 87])
def test_labels_per_class(train, count):
    few = Digits(labels_per_class=count)
    assert np.bincount(labels(few)).tolist() == [count] * 10
    assert set(pixels(few)) <= set(pixels(train))


def test_the_seed_chooses_the_labels():
    chosen = [set(pixels(Digits(labels_per_class=5, subset_seed=seed))) for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]


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
