"""Each base file of a data set trains and evaluates on data laid out as it says."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from dmmix.engine import DmmixRunner, dry_run
from tests.datasets.small_data import SmallCIFAR10, SmallCIFAR100, write_cifar

pytestmark = pytest.mark.openmmlab

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
NAMES = sorted(path.stem for path in (CONFIGS / "_base_" / "datasets").glob("*.py"))


def lay_out(name, folder):
    """Writes tiny data; returns how many channels its images have and what to change."""
    kind = name.removesuffix("_per_image")
    if kind == "digits":
        return 1, {}
    if kind in ("cifar10", "cifar100"):
        write_cifar(folder / "data" / kind, SmallCIFAR10 if kind == "cifar10" else SmallCIFAR100)
        return 3, {}
    rng = np.random.default_rng(0)
    if kind == "npz":
        arrays = {
            name: rng.integers(0, top, shape, dtype=np.uint8)
            for split in ("train", "test")
            for name, top, shape in (
                (f"x_{split}", 256, (30, 9, 7)), (f"y_{split}", 10, (30,))
            )
        }  # fmt: skip
        (folder / "data").mkdir()
        np.savez(folder / "data" / "images.npz", **arrays)
        return 1, {}
    for split in ("train", "val"):
        for k in range(12):
            path = folder / "data" / "images" / split / f"class{k % 3}" / f"{k}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), rng.integers(0, 256, (40 + k, 50, 3), dtype=np.uint8))
    small = {f"{part}_dataloader.dataset.size": 32 for part in ("train", "val")}
    return 3, {**small, "train_dataloader.batch_size": 4}


@pytest.fixture
def small_cifar(monkeypatch):
    """CIFAR whose files need no checksums."""
    from dmmix.registry import DATASETS

    for name, small in (("CIFAR10", SmallCIFAR10), ("CIFAR100", SmallCIFAR100)):
        monkeypatch.setattr(DATASETS.get(name), "train_list", small.train_list)
        monkeypatch.setattr(DATASETS.get(name), "test_list", small.test_list)
        monkeypatch.setattr(DATASETS.get(name), "_check_integrity", lambda self: True)
        monkeypatch.setattr(DATASETS.get(name), "_load_meta", lambda self, root: None)


@pytest.mark.parametrize("name", NAMES)
def test_one_step_and_one_evaluation(tmp_path, monkeypatch, small_cifar, name):
    channels, changes = lay_out(name, tmp_path)
    path = tmp_path / "config.py"
    bases = [
        str(CONFIGS / "_base_" / base)
        for base in ("default_runtime.py", f"datasets/{name}.py", "models/resnet_digits.py",
                     "schedules/sgd_cosine_100e.py", "mixups/cutmix.py", "objectives/dm_ce.py")
    ]  # fmt: skip
    path.write_text(
        f"_base_ = {bases}\n"
        "model = dict(mixup={{_base_.mixup}}, head=dict(loss={{_base_.objective}},"
        " num_classes={{_base_.num_classes}}))\n"
    )
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(changes)
    cfg.model.backbone.in_channels = channels
    cfg.work_dir = str(tmp_path / "work")
    monkeypatch.chdir(tmp_path)
    runner = DmmixRunner.from_cfg(cfg)
    seen = []
    forward = runner.model.data_preprocessor.forward
    monkeypatch.setattr(
        runner.model.data_preprocessor,
        "forward",
        lambda data, training=False: seen.append(data) or forward(data, training),
    )
    outputs = dry_run(runner)
    assert 0 < outputs["loss"] < 20
    assert len(seen) == 2  # a training and a validation batch
    for data in seen:
        assert data["inputs"].dtype == torch.uint8
        assert data["inputs"].shape[1] == channels
        assert data["labels"].shape == data["inputs"].shape[:1]
    dataset = runner.train_dataloader.dataset
    assert getattr(dataset, "batched", False) == (
        not name.endswith("_per_image") and name != "image_folder"
    )
    metrics = runner.val_loop.run()
    assert 0 <= metrics["accuracy/top1"] <= 100


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith("_per_image")])
def test_both_paths_say_the_same(name):
    """What a config changes by taking the other base file is how images are augmented."""
    batched, single = (
        Config.fromfile(CONFIGS / "_base_" / "datasets" / f"{base}.py")
        for base in (name.removesuffix("_per_image"), name)
    )
    transforms = batched.data_preprocessor.pop("batch_transforms")
    assert batched.data_preprocessor == single.data_preprocessor
    assert batched.num_classes == single.num_classes
    assert batched.val_evaluator == single.val_evaluator
    assert batched.train_dataloader.batch_size == single.train_dataloader.batch_size
    *per_image, pack = single.train_dataloader.dataset.pipeline
    assert pack.type == "PackLabels"
    assert [t.type for t in transforms] == [f"Batch{t.type}" for t in per_image]
    for ours, theirs in zip(transforms, per_image, strict=True):
        for key in set(ours) & set(theirs) - {"type"}:
            assert ours[key] == theirs[key]
