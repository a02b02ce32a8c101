"""Each base file of a data set trains and evaluates on data laid out as it says."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from dmmix.engine import DmmixRunner, dry_run
from dmmix.testing.layouts import LAYOUTS, make_layout

pytestmark = pytest.mark.openmmlab

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
NAMES = sorted(path.stem for path in (CONFIGS / "_base_" / "datasets").glob("*.py"))


def lay_out(name, folder):
    """Writes tiny data; returns how many channels its images have and what to change."""
    cfg = Config.fromfile(CONFIGS / "_base_" / "datasets" / f"{name}.py")
    if name.startswith("digits"):
        return 1, {}
    if "data_file" in cfg:
        write_npz(folder / cfg.data_file)
        return 1, {}
    if name.endswith("_npz"):
        write_npz(folder / cfg.train_dataloader.dataset.dataset.data_file, (32, 32, 3))
        return 3, {}
    named = "image_folder" if name == "own" else name
    kind = max((layout for layout in LAYOUTS if named.startswith(layout)), key=len)
    few = 2 if name.endswith("_224") else 8
    made = make_layout(kind, folder / "data", classes=3, per_class=few, size=(40, 44))
    assert Path(made) == folder / cfg.data_root
    changes = {"train_dataloader.batch_size": 4, "val_dataloader.batch_size": 12}
    if name.startswith(
        ("tiny_imagenet", "image_folder", "own")
    ):  # whose classes are those of the data
        changes |= {"model.head.num_classes": 3, "data_preprocessor.num_classes": 3}
        changes |= {"val_evaluator.topk": (1,)}
    for part in ("train_dataloader", "val_dataloader", "test_dataloader"):
        changes[f"{part}.num_workers"] = min(1, cfg[part].num_workers)
        where, dataset = f"{part}.dataset", cfg[part].dataset
        if "size" in dataset:
            changes[f"{where}.size"] = 32
        if "dataset" in dataset:
            where, dataset = f"{where}.dataset", dataset.dataset
        if dataset.type.startswith("CIFAR"):
            changes[f"{where}.checksums"] = False
    return 3, changes


def write_npz(path, shape=(28, 28)):
    rng = np.random.default_rng(0)
    path.parent.mkdir(exist_ok=True)
    arrays = {}
    for split in ("train", "test"):
        arrays[f"x_{split}"] = rng.integers(0, 256, (30, *shape), dtype=np.uint8)
        arrays[f"y_{split}"] = rng.integers(0, 10, 30, dtype=np.uint8)
    np.savez(path, **arrays)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_one_step_and_one_evaluation(tmp_path, monkeypatch, name):
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
        " num_classes={{_base_.num_classes}}))\n",
        encoding="utf-8",
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
    outputs = dry_run(runner, steps=1)
    assert 0 < outputs["loss"] < 20
    assert len(seen) == 2  # a training and a validation batch
    for data in seen:
        assert data["inputs"].dtype == torch.uint8
        assert data["inputs"].shape[1] == channels
        assert data["labels"].shape == data["inputs"].shape[:1]
    dataset = runner.train_dataloader.dataset
    assert getattr(dataset, "batched", False) == (cfg.train_dataloader.dataset.type == "InMemory")
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
