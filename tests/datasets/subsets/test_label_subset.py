"""stratified_subset: the same few labels everywhere."""

import numpy as np
import pytest

from dmmix.datasets import check_subset, stratified_subset, subset_indices

LABELS = np.random.default_rng(0).integers(0, 4, 200)


def test_it_takes_as_many_of_each_class_and_the_seed_says_which():
    chosen = [stratified_subset(LABELS, 7, seed) for seed in (0, 0, 1)]
    for rows in chosen:
        assert np.bincount(LABELS[rows]).tolist() == [7, 7, 7, 7]
        assert (np.diff(rows) > 0).all()
    assert chosen[0].tolist() == chosen[1].tolist() != chosen[2].tolist()
    # Published results depend on it.
    assert stratified_subset(LABELS, 2, seed=0).tolist() == [1, 12, 63, 71, 125, 143, 168, 175]


def test_global_random_states_are_neither_asked_nor_moved():
    np.random.seed(0)
    first = stratified_subset(LABELS, 7, 0)
    drawn = np.random.rand()
    np.random.seed(0)
    assert np.random.rand() == drawn
    np.random.seed(1)
    assert np.array_equal(stratified_subset(LABELS, 7, 0), first)


def test_every_sample_can_be_chosen():
    labels = np.repeat([0, 1], 5)
    chosen = {i for seed in range(60) for i in stratified_subset(labels, 1, seed).tolist()}
    assert chosen == set(range(10))


def test_all_of_the_smallest_class():
    labels = np.array([3, 3, 9, 9, 9])
    chosen = stratified_subset(labels, 2, 0)
    assert chosen[:2].tolist() == [0, 1]
    assert (labels[chosen[2:]] == 9).all()


# subset = dict(...)

UNEVEN = np.random.default_rng(1).permutation(np.repeat(range(5), [1, 3, 10, 30, 100]))


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.15, [1, 1, 2, 5, 15]),  # .15, .45, 1.5, 4.5 (halves up), 15; never less than 1
        (0.145, [1, 1, 1, 4, 15]),  # 14.5 is not 14.499...
        (0.5, [1, 2, 5, 15, 50]),
        (1, [1, 3, 10, 30, 100]),
        (1e-9, [1, 1, 1, 1, 1]),
    ],
)
def test_a_fraction_of_each_class(share, expected):
    chosen = subset_indices(UNEVEN, dict(label_fraction=share))
    assert np.bincount(UNEVEN[chosen]).tolist() == expected
    assert (np.diff(chosen) > 0).all()
    assert chosen.dtype == np.int64


def test_both_ways_to_say_it_choose_alike():
    labels = np.repeat([0, 1], 20)
    expected = stratified_subset(labels, 3, 5).tolist()
    for subset in (dict(labels_per_class=3, seed=5), dict(label_fraction=0.15, seed=5)):
        assert subset_indices(labels, subset).tolist() == expected
    assert (
        subset_indices(labels, dict(labels_per_class=3)).tolist()
        == stratified_subset(labels, 3, 0).tolist()
    )


def test_classes_that_do_not_count():
    labels = np.array([7, 7, 2, 2])
    for subset in (dict(labels_per_class=1), dict(label_fraction=0.6)):
        assert sorted(labels[subset_indices(labels, subset)]) == [2, 7]


@pytest.mark.parametrize(
    ("subset", "says"),
    [
        ({}, "subset needs labels_per_class, label_fraction, or an index file"),
        (dict(seed=1), "subset needs labels_per_class"),
        (dict(labels_per_class=4, label_fraction=0.1), "label_fraction=0.1: only one of them"),
        (dict(labels_per_class=0), "labels_per_class must be an int of at least 1 or None, got 0"),
        (dict(labels_per_class=2.5), "labels_per_class must be an int.*2.5"),
        (dict(labels_per_class=True), "labels_per_class must be an int.*True"),
        (dict(label_fraction=0), r"label_fraction must be a number in \(0, 1\] \(15 % is 0.15\)"),
        (dict(label_fraction=15), "label_fraction must be .*, got 15"),
        (dict(label_fraction="0.1"), "label_fraction must be .*'0.1'"),
        (dict(label_fraction=float("nan")), "label_fraction must be .*nan"),
        (dict(labels_per_class=4, seed=-1), "seed must be an int of at least 0.* got -1"),
        (dict(labels_per_class=4, file=""), "file must be .*, got ''"),
        (dict(label_per_class=4), "unknown key 'label_per_class'.*did you mean 'labels_per_class'"),
        (0.15, "subset must be a dict such as .*, got float 0.15"),
        (dict(number=4), r"unknown key 'number', allowed are .*'rest'\]$"),
        (dict(labels_per_class=4, rest=1), "rest must be True or False, got 1"),
    ],
)  # fmt: skip
def test_bad_subsets(subset, says):
    with pytest.raises((TypeError, ValueError), match=says):
        check_subset(subset)


@pytest.mark.parametrize(
    ("labels", "classes", "says"),
    [
        ([3, 3, 9], None, "labels_per_class=2, but class 9 has only 1 samples"),
        ([0, 0, 1], ["cat", "dog"], r"labels_per_class=2, but class 1 \('dog'\) has only 1"),
        ([0, 0, 2, 2], ["cat", "dog", "eel"], r"1 of 3 classes have no samples: 1 \('dog'\)$"),
        ([0, 0], list("abcdefgh"), r"7 of 8 .*1 \('b'\), .*5 \('f'\), \.\.\.$"),
        ([0, 2], ["cat", "dog"], "sample 1 has label 2, but there are only 2 classes"),
        ([0, -1, 0], None, r"sample 1 has no label \(-1\)"),
        ([], None, r"labels must be \(N,\) integers, N at least 1, got \(0,\)"),
        ([[0, 1]], None, r"got \(1, 2\)"),
        ([0.5], None, r"got \(1,\) float64"),
    ],
)
def test_bad_labels(labels, classes, says):
    with pytest.raises(ValueError, match=says):
        subset_indices(np.array(labels), dict(labels_per_class=2), classes)


def test_the_rest_is_what_is_left(tmp_path):
    labels = np.arange(50) % 5
    for asked in (dict(label_fraction=0.3), dict(labels_per_class=4, seed=2)):
        for more in ({}, {"file": str(tmp_path / f"{len(asked)}.json")}):
            chosen = subset_indices(labels, {**asked, **more})
            rest = subset_indices(labels, {**asked, **more, "rest": True})
            assert sorted([*chosen, *rest]) == list(range(50))
            assert len(set(chosen) & set(rest)) == 0
    with pytest.raises(ValueError, match=r"the rest.*: nothing is left of 50 samples"):
        subset_indices(labels, dict(label_fraction=1.0, rest=True))
