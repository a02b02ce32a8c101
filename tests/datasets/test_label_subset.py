"""stratified_subset: the same few labels everywhere."""

import numpy as np
import pytest

from dmmix.datasets import stratified_subset

LABELS = np.random.default_rng(0).integers(0, 4, 200)


def test_it_takes_as_many_of_each_class():
    chosen = stratified_subset(LABELS, 7, seed=0)
    assert np.bincount(LABELS[chosen]).tolist() == [7, 7, 7, 7]
    assert len(set(chosen.tolist())) == 28
    assert (np.diff(chosen) > 0).all()


def test_the_seed_decides():
    chosen = [stratified_subset(LABELS, 7, seed).tolist() for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]


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


@pytest.mark.parametrize(
    ("count", "says"),
    [(3, "labels_per_class=3, but class 3 has only 2"), (0, "at least 1, got 0"), (-1, "got -1")],
)
def test_bad_counts(count, says):
    with pytest.raises(ValueError, match=says):
        stratified_subset(np.array([3, 3, 9, 9, 9]), count, 0)
