"""The rows of the throughput benchmark: their data, their networks, and dmmix's config of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
_INIT = [
    dict(type="Kaiming", layer="Conv2d", mode="fan_out", distribution="normal"),
    dict(type="Constant", layer="BatchNorm2d", val=1),
]
#: Written once, read this many times an epoch: as many images as a large data set has, so that a
#: new epoch is as rare as there.
FOLDER_REPEATS = 128


@dataclass(frozen=True)
class Row:
    """What is trained.

    Attributes:
        data: ``'digits'`` (scikit-learn's), ``'memory'`` (images made here, read into memory) or
            ``'folder'`` (JPEG files made here).
        images: how many there are; files, for a folder.
        size: height and width that the network sees.
        padding: of the random crop; a folder gets RandomResizedCrop.
        interval: iterations between two logs.
    """

    data: str
    images: int
    size: int
    channels: int
    num_classes: int
    batch_size: int
    backbone: Mapping
    features: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    padding: int = 4
    interval: int = 100

    @property
    def length(self) -> int:
        """Images an epoch."""
        return self.images * (FOLDER_REPEATS if self.data == "folder" else 1)

    def but(self, images: int | None = None, batch_size: int | None = None) -> Row:
        """The same with so many images (scikit-learn's digits are as many as they are), or with
        another batch size."""
        if images and self.data != "digits":
            self = replace(self, images=images)
        return replace(self, batch_size=batch_size) if batch_size else self


def _small_resnet(channels: int, stages: int) -> dict:
    """The network of the quickstart: ResNet-18 with a quarter of its channels."""
    return dict(
        type="ResNet_CIFAR",
        depth=18,
        in_channels=channels,
        stem_channels=16,
        base_channels=16,
        num_stages=stages,
        strides=(1, 2, 2, 2)[:stages],
        dilations=(1,) * stages,
        out_indices=(stages - 1,),
        style="pytorch",
        init_cfg=_INIT,
    )


_CIFAR = dict(mean=(125.307, 122.961, 113.8575), std=(51.5865, 50.847, 51.255))
_IMAGENET = dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))

ROWS: dict[str, Row] = {
    # 899 images: all of the training split, where the quickstart takes ten of each class.
    "digits": Row("digits", 899, 8, 1, 10, 20, _small_resnet(1, 3), 64, (78.0,), (96.0,), 1),
    "cifar_small": Row("memory", 10_000, 32, 3, 10, 100, _small_resnet(3, 4), 128, **_CIFAR),
    # 390 whole batches: torch.compile would compile a second time for a smaller last one.
    "r18_cifar": Row(
        "memory", 49_920, 32, 3, 100, 128, dict(type="ResNet_CIFAR", depth=18), 512, **_CIFAR
    ),
    "r50_224": Row(
        "folder", 1024, 224, 3, 1000, 128, dict(type="ResNet", depth=50), 2048, **_IMAGENET
    ),
}


def write_data(row: Row, folder: Path) -> str:
    """Makes the images of ``row`` in ``folder``; returns what the data sets call them."""
    if row.data == "digits":
        return ""
    labels = np.arange(row.images, dtype=np.int64) % row.num_classes
    if row.data == "memory":
        shape = (row.images, row.size, row.size, row.channels)
        images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        np.savez(folder / "images.npz", x_train=images, y_train=labels)
        return str(folder / "images.npz")
    folder = folder / "images"
    folder.mkdir()
    for k, image in enumerate(noise_photographs(row.images, 375, 500)):
        file = folder / f"{k}.jpg"
        if not cv2.imwrite(str(file), image, [cv2.IMWRITE_JPEG_QUALITY, 90]):
            raise OSError(f"cannot write {file}")
    # As many classes as the head has, however few images there are.
    lines = [f"{k}.jpg {label}" for k, label in enumerate(labels)]
    (folder / "labels.txt").write_text("\n".join(lines), encoding="utf-8")
    names = "\n".join(map(str, range(row.num_classes)))
    (folder / "classes.txt").write_text(names, encoding="utf-8")
    return str(folder)


def noise_photographs(count: int, height: int, width: int) -> Iterator[np.ndarray]:
    """Images (height, width, 3) uint8 of coarse noise and some fine, always the same.

    As JPEG of quality 90 they have about the size that photographs have.
    """
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 24, (height, width, 3), dtype=np.uint8)
    for k in range(count):
        coarse = rng.integers(0, 232, (30, 40, 3), dtype=np.uint8)
        yield cv2.resize(coarse, (width, height)) + np.roll(fine, k, axis=1)


def default_step() -> dict:
    """The switches of a training step that dmmix's configs come with."""
    from mmengine.config import Config

    return dict(Config.fromfile(CONFIGS / "_base_" / "default_runtime.py").get("step", {}))


def listed(data: str) -> dict:
    """Arguments of a data set whose files and classes :func:`write_data` has listed."""
    return dict(data_root=data, ann_file="labels.txt", classes=f"{data}/classes.txt")


def ours(row: Row, data: str, work_dir: str, workers: int, cuda: bool, step: Mapping) -> Any:
    """The config that dmmix trains ``row`` with: CutMix and DM(CE), as the quickstart's.

    Data lie in memory, but for a folder's, and whole batches are augmented.

    Args:
        data: what :func:`write_data` returned.
        workers: of the data loader.
        cuda: whether there is a GPU.
        step: overrides ``step`` of the config.
    """
    from mmengine.config import Config

    cfg = Config.fromfile(CONFIGS / "quickstart" / "digits_cutmix_dm.py")
    cfg.model.backbone = dict(row.backbone)
    cfg.model.head.update(num_classes=row.num_classes, in_channels=row.features)
    cfg.data_preprocessor = dict(
        type="MixupDataPreprocessor",
        num_classes=row.num_classes,
        mean=row.mean,
        std=row.std,
        to_rgb=False,
        batch_transforms=_batch_transforms(row),
    )
    cfg.train_dataloader = dict(
        batch_size=row.batch_size,
        num_workers=workers,
        dataset=_batched_dataset(row, data),
        sampler=dict(type="DefaultSampler", shuffle=True),
        collate_fn=dict(type="default_collate"),
        # What tools/train.py adds:
        pin_memory=cuda and row.data == "folder",  # the others may be there already
        persistent_workers=False,
        worker_init_fn=dict(type="seed_worker"),
    )
    cfg.default_hooks.logger.interval = row.interval
    # No validation and no checkpoints: training is what is timed.
    cfg.default_hooks.checkpoint = None
    cfg.custom_hooks = []
    for name in ("dataloader", "cfg", "evaluator"):
        for split in ("val", "test"):
            cfg[f"{split}_{name}"] = None
    cfg.train_cfg = dict(by_epoch=True, max_epochs=10**6)
    cfg.step = {**cfg.get("step", {}), **step}
    cfg.work_dir = work_dir
    return cfg


def _batched_dataset(row: Row, data: str) -> dict:
    if row.data == "folder":  # images of many sizes: cut to one size in the workers
        files = dict(type="DecodedFolder", **listed(data), size=row.size)
        return dict(type="RepeatDataset", times=FOLDER_REPEATS, dataset=files)
    if row.data == "digits":
        return dict(type="InMemory", dataset=dict(type="Digits", split="train"))
    return dict(type="InMemory", dataset=dict(type="NPZDataset", data_file=data, split="train"))


def _batch_transforms(row: Row) -> list[dict]:
    crop = dict(type="BatchRandomCrop", crop_size=row.size, padding=row.padding)
    flip = dict(type="BatchRandomFlip", prob=0.5)
    return {"digits": [crop], "memory": [crop, flip], "folder": [flip]}[row.data]
