"""Same seed, same weights, bit for bit: whatever the number of workers, and after a resume."""

import pytest
import torch

from tests.engine import small
from tests.engine.small import differing

pytestmark = [pytest.mark.slow, pytest.mark.openmmlab]

AUGMENT = [
    {"type": "BatchRandomCrop", "crop_size": 8, "padding": 1},
    {"type": "BatchRandomFlip", "prob": 0.5},
    {"type": "BatchRandomErasing", "erase_prob": 0.5, "mode": "rand"},
]


def config(root, work_dir, epochs=2, workers=0, **settings):
    recipe = root / "configs/quickstart/digits_cutmix_dm.py"
    cfg = small.short(recipe, work_dir, epochs, workers)
    cfg.custom_hooks = []
    cfg.data_preprocessor.batch_transforms = AUGMENT
    cfg.merge_from_dict(settings)
    return cfg


def train(cfg):
    return small.trained(cfg).model.state_dict()


@pytest.fixture(scope="module")
def in_memory(root, tmp_path_factory):
    return train(config(root, tmp_path_factory.mktemp("reference")))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_data_in_memory(root, tmp_path, in_memory, workers):
    """In one go, and after a resume; another seed and no augmentation give other weights."""
    whole = train(config(root, tmp_path / "whole", workers=workers))
    assert differing(whole, in_memory) == []
    for change in (dict(randomness={"seed": 1}), {"data_preprocessor.batch_transforms": []}):
        other = train(config(root, tmp_path / "other", overwrite=True, **change))
        assert not torch.equal(other["backbone.conv1.weight"], whole["backbone.conv1.weight"])
    train(config(root, tmp_path, epochs=1, workers=workers))
    assert differing(train(config(root, tmp_path, workers=workers, resume=True)), in_memory) == []


def of_folder(root, folder, work_dir, **options):
    cfg = config(root, work_dir, **options)
    loader = cfg.train_dataloader
    loader.batch_size = 4
    loader.dataset = {"type": "DecodedFolder", "data_root": str(folder), "size": 8}
    loader.collate_fn = {"type": "default_collate"}
    cfg.model.backbone.in_channels = 3
    cfg.model.head.num_classes = 2
    cfg.data_preprocessor.update(mean=[78.0] * 3, std=[96.0] * 3, num_classes=2)
    return cfg


def test_decoded_images(root, image_folder, tmp_path):
    expected = train(of_folder(root, image_folder, tmp_path / "0"))
    for workers in (1, 2):
        found = train(of_folder(root, image_folder, tmp_path / f"{workers}", workers=workers))
        assert differing(found, expected) == []
    train(of_folder(root, image_folder, tmp_path / "parts", epochs=1, workers=2))
    found = train(of_folder(root, image_folder, tmp_path / "parts", workers=1, resume=True))
    assert differing(found, expected) == []
