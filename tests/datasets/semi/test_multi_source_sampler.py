"""Endless streams of indices, shared out to processes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import SequentialSampler

from dmmix.datasets import MultiSourceBatchSampler, MultiSourceSampler
from dmmix.datasets.semi.multi_source_sampler import EndlessOrder

pytestmark = pytest.mark.openmmlab


class Sizes:
    """A dataset that has nothing but the sizes of its streams."""

    def __init__(self, labelled=5, unlabelled=23):
        self.stream_sizes = (labelled, unlabelled)

    def __len__(self):
        return sum(self.stream_sizes)


def sampler(batch_size=4, mu=3, batches=6, *, seed=0, rank=0, world=1, sizes=(5, 23)):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "dmmix.datasets.semi.multi_source_sampler.get_dist_info", lambda: (rank, world)
        )
        source = MultiSourceSampler(Sizes(*sizes), seed=seed)
    return MultiSourceBatchSampler(source, batch_size, mu, batches)


def epoch(batches, number=0):
    batches.sampler.set_epoch(number)
    return list(batches)


def parts(batch, labelled=5, unlabelled=23):
    """Members and draws of both streams."""
    draws, places = np.divmod(np.array(batch), labelled + unlabelled)
    known = places < labelled
    return (places[known], draws[known]), (places[~known] - labelled, draws[~known])


def test_batches_of_two_streams():
    found = epoch(sampler())
    assert len(found) == len(sampler()) == 6
    for batch in found:
        (known, _), (unknown, _) = parts(batch)
        assert len(known) == 4
        assert len(unknown) == 12
        assert batch[:4] == [i for i in batch if i % 28 < 5]  # the labelled ones first


@pytest.mark.parametrize("stream", [0, 1])
def test_one_permutation_after_the_other(stream):
    size = (5, 23)[stream]
    members, draws = [], []
    for number in range(8):
        for batch in epoch(sampler(), number):
            found = parts(batch)[stream]
            members += found[0].tolist()
            draws += found[1].tolist()
    orders = set()
    for k in range(len(members) // size):
        order = members[k * size : (k + 1) * size]
        assert sorted(order) == list(range(size))
        assert draws[k * size : (k + 1) * size] == [k] * size
        orders.add(tuple(order))
    assert len(orders) > 5


@pytest.mark.parametrize("world", [2, 3])
def test_processes_take_the_batch_of_one(world):
    whole = epoch(sampler(batch_size=4 * world), 2)
    shards = [epoch(sampler(batch_size=4, rank=r, world=world), 2) for r in range(world)]
    for k, batch in enumerate(whole):
        known = [i for shard in shards for i in shard[k][:4]]
        unknown = [i for shard in shards for i in shard[k][4:]]
        assert batch == known + unknown


def test_an_epoch_goes_on_where_the_last_one_ended():
    long = epoch(sampler(batches=18))
    short = sampler(batches=6)
    assert epoch(short, 0) + epoch(short, 1) + epoch(short, 2) == long
    assert epoch(sampler(batches=6), 2) == long[12:]  # resumed: by another sampler


def test_seeds_and_streams_have_orders_of_their_own(monkeypatch):
    assert epoch(sampler(seed=3)) == epoch(sampler(seed=3)) != epoch(sampler(seed=4))
    (known, _), (unknown, _) = parts(epoch(sampler(batch_size=50, mu=1, sizes=(50, 50)))[0], 50, 50)
    assert known.tolist() != unknown.tolist()
    # One seed for all processes.
    monkeypatch.setattr("dmmix.datasets.semi.multi_source_sampler.sync_random_seed", lambda: 99)
    assert MultiSourceSampler(Sizes()).seed == 99


@settings(max_examples=50, deadline=None)
@given(
    size=st.integers(1, 9),
    start=st.integers(0, 10**9),
    count=st.integers(1, 40),
    seed=st.integers(0, 5),
)
def test_every_position_can_be_told(size, start, count, seed):
    members, rounds = EndlessOrder(size, seed, "x").take(start, count)
    other = EndlessOrder(size, seed, "x")
    for k in range(count):
        (member,), (round_,) = other.take(start + k, 1)
        assert (member, round_) == (members[k], rounds[k])
    assert rounds.tolist() == [(start + k) // size for k in range(count)]


@pytest.mark.parametrize("name", ["mu", "batch_size", "batches"])
@pytest.mark.parametrize("value", [0, True, 2.0])
def test_bad_numbers(name, value):
    with pytest.raises(ValueError, match=f"{name} must be an int of at least 1, got {value}"):
        sampler(**{name: value})


def test_bad_parts():
    with pytest.raises(TypeError, match=r"a labelled and an unlabelled stream \(SemiDataset\)"):
        MultiSourceSampler([1, 2, 3])
    with pytest.raises(TypeError, match="needs sampler=dict"):
        MultiSourceBatchSampler(SequentialSampler([1, 2]), 4)
    source = sampler().sampler
    for use in (iter, len):
        with pytest.raises(TypeError, match="add batch_sampler=dict"):
            use(source)
