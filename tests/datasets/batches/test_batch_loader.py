"""BatchLoader: torch's loader without what whole batches have no use for."""

import pytest
import torch
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from torch.utils.data import BatchSampler, DataLoader, RandomSampler

from dmmix.datasets import BatchLoader, InMemory, whole_batch
from dmmix.registry import FUNCTIONS

pytestmark = pytest.mark.openmmlab


@pytest.fixture(scope="module")
def digits():
    return InMemory({"type": "Digits", "labels_per_class": 3})


def loaders(dataset, **options):
    loader = DataLoader(dataset, collate_fn=whole_batch, **options)
    return loader, BatchLoader(loader)


def batches(loader, seed=0):
    torch.manual_seed(seed)
    return list(loader), torch.rand(3)


@pytest.mark.parametrize(
    "options", [{"batch_size": 7, "drop_last": True}, {"batch_size": 7, "shuffle": True}]
)
def test_same_batches_and_same_use_of_the_global_generator(digits, options):
    (expected, after), (found, after_ours) = map(batches, loaders(digits, **options))
    assert len(found) == len(expected)
    for ours, torchs in zip(found, expected, strict=True):
        assert ours.keys() == torchs.keys() == {"inputs", "labels"}
        assert all(torch.equal(ours[key], torchs[key]) for key in ours)
    assert torch.equal(after, after_ours)


def test_generator_of_its_own(digits):
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    (expected, found) = (
        list(wrap(DataLoader(digits, 5, shuffle=True, generator=g, collate_fn=whole_batch)))
        for wrap, g in zip((lambda loader: loader, BatchLoader), generators, strict=True)
    )
    assert all(torch.equal(a["labels"], b["labels"]) for a, b in zip(expected, found, strict=True))
    assert torch.equal(*(g.get_state() for g in generators))


def test_batch_sampler_of_its_own(digits):
    sampler = BatchSampler(RandomSampler(digits), 4, drop_last=False)
    loader, ours = loaders(digits, batch_sampler=sampler)
    assert ours.batch_sampler is sampler
    assert len(batches(ours)[0]) == len(loader) == 8


def test_what_others_ask_of_a_loader(digits):
    loader, ours = loaders(digits, batch_size=7, shuffle=True)
    assert isinstance(ours, DataLoader)
    assert len(ours) == len(loader) == 5
    assert ours.batch_size == 7  # --auto-scale-lr
    assert ours.sampler is loader.sampler  # set_epoch
    assert ours.dataset is digits
    assert ours.num_workers == 0
    assert not ours.pin_memory


def test_whole_batches_pass_and_single_samples_are_refused():
    batch = {"inputs": object()}
    assert whole_batch(batch) is batch
    with pytest.raises(TypeError, match=r"got a list of 2 samples.*default_collate"):
        whole_batch([{}, {}])
    # Where mmengine looks.
    assert MMENGINE_FUNCTIONS.get("whole_batch") is whole_batch
    assert MMENGINE_FUNCTIONS.get("dmmix.whole_batch") is whole_batch
    assert FUNCTIONS.get("whole_batch") is whole_batch
