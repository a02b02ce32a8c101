"""Same seed, same weights, bit for bit: whatever the number of workers, and after a resume."""

import uuid

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from dmmix.engine import DmmixRunner

pytestmark = [pytest.mark.slow, pytest.mark.openmmlab]

AUGMENT = [
    {"type": "BatchRandomCrop", "crop_size": 8, "padding": 1},
    {"type": "BatchRandomFlip", "prob": 0.5},
    {"type": "BatchRandomErasing", "erase_prob": 0.5, "mode": "rand"},
]


def config(root, work_dir, epochs=2, workers=0, **settings):
    cfg = Config.fromfile(root / "configs/quickstart/digits_cutmix_dm.py")
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = uuid.uuid4().hex
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.custom_hooks = []
    cfg.train_cfg = {"by_epoch": True, "max_epochs": epochs}
    cfg.param_scheduler = {"type": "ConstantLR", "factor": 1.0}
    cfg.default_hooks.checkpoint = {"type": "CheckpointHook", "interval": 1}
    cfg.log_level = "WARNING"
    cfg.train_dataloader.num_workers = workers
    cfg.model.backbone.update(stem_channels=4, base_channels=4)
    cfg.model.head.in_channels = 16
    cfg.data_preprocessor.batch_transforms = AUGMENT
    cfg.merge_from_dict(settings)
    return cfg


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve images of several sizes in two classes."""
    place = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for k in range(12):
        path = place / ("cat" if k % 2 else "dog") / f"{k}.png"
        path.parent.mkdir(exist_ok=True)
        image = rng.integers(0, 256, (14 + k, 20 - k // 2, 3), dtype=np.uint8)
        assert cv2.imwrite(str(path), image)
    return place


def train(cfg):
    run = DmmixRunner.from_cfg(cfg)
    run.train()
    return run.model.state_dict()


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    different = [name for name in found if not torch.equal(found[name], expected[name])]
    assert not different


@pytest.fixture(scope="module")
def in_memory(root, tmp_path_factory):
    return train(config(root, tmp_path_factory.mktemp("reference")))


@pytest.mark.parametrize("workers", [1, 2])
def test_data_in_memory(root, tmp_path, in_memory, workers):
    assert_same(train(config(root, tmp_path, workers=workers)), in_memory)


@pytest.mark.parametrize("workers", [0, 2])
def test_data_in_memory_after_a_resume(root, tmp_path, fresh_mmengine, in_memory, workers):
    train(config(root, tmp_path, epochs=1, workers=workers))
    fresh_mmengine()
    assert_same(train(config(root, tmp_path, workers=workers, resume=True)), in_memory)


def test_another_seed_gives_other_weights(root, tmp_path, in_memory):
    other = train(config(root, tmp_path, randomness={"seed": 1}))
    assert not torch.equal(other["backbone.conv1.weight"], in_memory["backbone.conv1.weight"])


def test_augmentation_is_part_of_it(root, tmp_path, in_memory):
    cfg = config(root, tmp_path)
    cfg.data_preprocessor.batch_transforms = []
    assert not torch.equal(train(cfg)["head.fc.weight"], in_memory["head.fc.weight"])


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


def test_decoded_images(root, folder, tmp_path, fresh_mmengine):
    expected = train(of_folder(root, folder, tmp_path / "0"))
    for workers in (1, 2):
        fresh_mmengine()
        assert_same(
            train(of_folder(root, folder, tmp_path / f"{workers}", workers=workers)), expected
        )
    fresh_mmengine()
    train(of_folder(root, folder, tmp_path / "parts", epochs=1, workers=2))
    fresh_mmengine()
    assert_same(
        train(of_folder(root, folder, tmp_path / "parts", workers=1, resume=True)), expected
    )
