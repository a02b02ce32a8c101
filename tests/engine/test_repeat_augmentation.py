"""RepeatAugSampler in a config: views of an image differ, and a seed decides them."""

import uuid

import numpy as np
import pytest
import torch

from dmmix.datasets import RepeatAugSampler
from dmmix.models import MixupClassifier
from tests.engine.small import loader, model, runner

pytestmark = pytest.mark.openmmlab


def batches(monkeypatch, work_dir, dataset, workers=0, seed=0, transforms=()):
    """What the network was trained on in two epochs: images and labels of each batch."""
    seen = []
    loss = MixupClassifier.loss

    def look(self, inputs, labels):
        seen.append((inputs.clone(), labels.clone()))
        return loss(self, inputs, labels)

    monkeypatch.setattr(MixupClassifier, "loss", look)
    sampler = {"type": "RepeatAugSampler", "num_repeats": 3}
    run = runner(
        work_dir / uuid.uuid4().hex,
        None,
        model=model(channels=3, classes=2),
        data_preprocessor={"type": "MixupDataPreprocessor", "batch_transforms": list(transforms)},
        train_dataloader=loader(dataset, 6, num_workers=workers, sampler=sampler),
        train_cfg={"by_epoch": True, "max_epochs": 2},
        randomness={"seed": seed},
    )
    assert isinstance(run.train_dataloader.sampler, RepeatAugSampler)
    run.train()
    monkeypatch.undo()
    return seen


def in_groups(seen):
    """Each image's views lie together: (groups, 3, ...)."""
    images, labels = (torch.cat(parts) for parts in zip(*seen, strict=True))
    assert (labels.view(-1, 3) == labels.view(-1, 3)[:, :1]).all()
    return images.unflatten(0, (-1, 3))


def test_image_files(monkeypatch, tmp_path, image_folder):
    dataset = {"type": "DecodedFolder", "data_root": str(image_folder), "size": 8}
    seen = batches(monkeypatch, tmp_path, dataset)
    assert len(seen) == 2 * 2  # an epoch is as long as without repeats
    views = in_groups(seen).flatten(2)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert ((views[:, a] - views[:, b]).abs().max(dim=1).values > 0).all()
    for workers in (1, 2):
        again = batches(monkeypatch, tmp_path, dataset, workers)
        for (a, b), (c, d) in zip(seen, again, strict=True):
            assert torch.equal(a, c)
            assert torch.equal(b, d)
    other = batches(monkeypatch, tmp_path, dataset, seed=1)
    assert not torch.equal(other[0][0], seen[0][0])


def test_data_in_memory(monkeypatch, tmp_path):
    """The batch transforms draw for each row of the batch."""
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    path = tmp_path / "data.npz"
    np.savez(path, x_train=images, y_train=np.arange(12) % 2)
    dataset = {"type": "InMemory", "dataset": {"type": "NPZDataset", "data_file": str(path)}}
    plain = in_groups(batches(monkeypatch, tmp_path, dataset))
    assert (plain == plain[:, :1]).all()
    crop = {"type": "BatchRandomCrop", "crop_size": 8, "padding": 4}
    views = in_groups(batches(monkeypatch, tmp_path, dataset, transforms=[crop])).flatten(2)
    assert ((views[:, 0] - views[:, 1]).abs().max(dim=1).values > 0).float().mean() > 0.8
