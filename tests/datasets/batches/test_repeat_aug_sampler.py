"""RepeatAugSampler: mmpretrain's order, and a number of its own for each copy."""

import pytest
import torch
from mmpretrain.datasets import RepeatAugSampler as Published

from dmmix.datasets import DecodedFolder, RepeatAugSampler
from dmmix.registry import DATA_SAMPLERS
from dmmix.testing.layouts import make_layout

pytestmark = pytest.mark.openmmlab


class Samples(list):
    repeats = True


def at(sampler, rank, world):
    """What it would be in a process of a group."""
    sampler.rank, sampler.world_size = rank, world
    n = len(sampler.dataset)
    sampler.num_samples = -(-n * sampler.num_repeats // world)
    sampler.total_size = sampler.num_samples * world
    sampler.num_selected_samples = -(-n // world)
    return sampler


@pytest.mark.parametrize(("n", "world", "repeats"), [(10, 1, 3), (10, 3, 3), (7, 4, 2), (5, 2, 1)])
@pytest.mark.parametrize("shuffle", [True, False])
def test_the_order_is_mmpretrains(n, world, repeats, shuffle):
    seen = []
    for rank in range(world):
        options = dict(shuffle=shuffle, num_repeats=repeats, seed=4)
        ours, theirs = (at(k(Samples(range(n)), **options), rank, world)
                        for k in (RepeatAugSampler, Published))  # fmt: skip
        for epoch in (0, 1):
            ours.set_epoch(epoch)
            theirs.set_epoch(epoch)
            indices = list(ours)
            assert [i % n for i in indices] == list(theirs)
            assert len(indices) == len(ours)
        seen += indices
        assert max(indices) < n * repeats
        ours.dataset = list(range(n))  # one that knows of no copies
        assert list(ours) == list(theirs)
    if repeats == 3 and world == 3:
        assert len(set(seen)) == len(seen)  # the copies of an image differ, on whichever rank


def test_copies_in_a_batch_are_cropped_differently(tmp_path):
    root = make_layout("image_folder", tmp_path) + "/train"
    dataset = DecodedFolder(root, size=16, seed=1)
    first, second, third = list(RepeatAugSampler(dataset, seed=0))[:3]
    assert first % len(dataset) == second % len(dataset) == third % len(dataset)
    images = [dataset[i]["inputs"] for i in (first, second, third)]
    assert not torch.equal(images[0], images[1])
    assert not torch.equal(images[1], images[2])


def test_it_is_registered():
    with DATA_SAMPLERS.switch_scope_and_registry("dmmix") as registry:
        assert registry.get("RepeatAugSampler") is RepeatAugSampler
    with pytest.raises(ValueError, match="num_repeats must be an int of at least 1, got 0"):
        RepeatAugSampler(Samples(range(3)), num_repeats=0)
