"""RepeatAugSampler in a config: views of an image differ, and a seed decides them."""

import uuid

import pytest
import torch

from dmmix.datasets import RepeatAugSampler
from tests.engine.small import loader, model, runner

pytestmark = pytest.mark.openmmlab


def batches(trained_on, work_dir, dataset, workers=0, seed=0):
    """What the network was trained on in two epochs: images and labels of each batch."""
    trained_on.clear()
    sampler = {"type": "RepeatAugSampler", "num_repeats": 3}
    run = runner(
        work_dir / uuid.uuid4().hex,
        None,
        model=model(channels=3, classes=2),
        data_preprocessor={"type": "MixupDataPreprocessor"},
        train_dataloader=loader(dataset, 6, num_workers=workers, sampler=sampler),
        train_cfg={"by_epoch": True, "max_epochs": 2},
        randomness={"seed": seed},
    )
    assert isinstance(run.train_dataloader.sampler, RepeatAugSampler)
    run.train()
    return [*trained_on]


def in_groups(seen):
    """Each image's views lie together: (groups, 3, ...)."""
    images, labels = (torch.cat(parts) for parts in zip(*seen, strict=True))
    assert (labels.view(-1, 3) == labels.view(-1, 3)[:, :1]).all()
    return images.unflatten(0, (-1, 3))


def test_image_files(trained_on, tmp_path, image_folder):
    dataset = {"type": "DecodedFolder", "data_root": str(image_folder), "size": 8}
    seen = batches(trained_on, tmp_path, dataset)
    assert len(seen) == 2 * 2  # an epoch is as long as without repeats
    views = in_groups(seen).flatten(2)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert ((views[:, a] - views[:, b]).abs().max(dim=1).values > 0).all()
    for workers in (1, 2):
        again = batches(trained_on, tmp_path, dataset, workers)
        for (a, b), (c, d) in zip(seen, again, strict=True):
            assert torch.equal(a, c)
            assert torch.equal(b, d)
    other = batches(trained_on, tmp_path, dataset, seed=1)
    assert not torch.equal(other[0][0], seen[0][0])
