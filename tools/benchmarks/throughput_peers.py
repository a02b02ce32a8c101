"""What dmmix's training is measured beside: stock mmpretrain, and a loop with nothing around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from mmpretrain.datasets import BaseDataset
from mmpretrain.registry import DATASETS, MODELS
from throughput_rows import FOLDER_REPEATS, Row, listed
from torch import Tensor, nn

OPTIMIZER = dict(lr=0.1, momentum=0.9, weight_decay=1e-4)


@DATASETS.register_module()
class ImagesInMemory(BaseDataset):
    """Images of an .npz file, held as mmpretrain's CIFAR10 holds them: one dict an image."""

    METAINFO = {"classes": ()}  # noqa: RUF012

    def __init__(self, data_file: str, **kwargs: Any) -> None:
        self.data_file = data_file
        super().__init__(ann_file="", **kwargs)

    def load_data_list(self) -> list[dict]:
        with np.load(self.data_file) as file:
            images, labels = file["x_train"], file["y_train"]
        return [
            {"img": image, "gt_label": int(label)}
            for image, label in zip(images, labels, strict=True)
        ]


def stock(row: Row, data: str, work_dir: str, workers: int, cuda: bool, alpha: float) -> Any:
    """The config of mmpretrain's own training of the network of ``row``, with CutMix.

    Its classifier, head, loss for soft labels, pipeline, preprocessing and hooks; no validation and
    no checkpoints, as with ours.
    """
    from mmengine.config import Config

    return Config(
        dict(
            default_scope="mmpretrain",
            model=dict(
                type="ImageClassifier",
                backbone=dict(row.backbone),
                neck=dict(type="GlobalAveragePooling"),
                head=dict(
                    type="LinearClsHead",
                    num_classes=row.num_classes,
                    in_channels=row.features,
                    loss=dict(type="CrossEntropyLoss", use_soft=True),
                    init_cfg=dict(type="Normal", layer="Linear", std=0.01),
                ),
                train_cfg=dict(augments=dict(type="CutMix", alpha=alpha)),
            ),
            data_preprocessor=dict(
                num_classes=row.num_classes,
                mean=row.mean,
                std=row.std,
                to_rgb=row.data == "folder",
            ),
            train_dataloader=dict(
                batch_size=row.batch_size,
                num_workers=workers,
                dataset=_dataset(row, data),
                sampler=dict(type="DefaultSampler", shuffle=True),
                # What its tools/train.py adds:
                collate_fn=dict(type="default_collate"),
                pin_memory=cuda,
                persistent_workers=workers > 0,
            ),
            train_cfg=dict(by_epoch=True, max_epochs=10**6),
            optim_wrapper=dict(optimizer=dict(type="SGD", **OPTIMIZER)),
            param_scheduler=dict(type="CosineAnnealingLR", T_max=100, by_epoch=True),
            default_hooks=dict(
                timer=dict(type="IterTimerHook"),
                logger=dict(type="LoggerHook", interval=row.interval),
                param_scheduler=dict(type="ParamSchedulerHook"),
                checkpoint=None,
                sampler_seed=dict(type="DistSamplerSeedHook"),
                visualization=dict(type="VisualizationHook", enable=False),
            ),
            env_cfg=dict(
                cudnn_benchmark=False,
                mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
                dist_cfg=dict(backend="nccl"),
            ),
            vis_backends=[dict(type="LocalVisBackend")],
            visualizer=dict(
                type="UniversalVisualizer", vis_backends=[dict(type="LocalVisBackend")]
            ),
            log_level="INFO",
            randomness=dict(seed=0, deterministic=False),
            work_dir=work_dir,
        )
    )


def _dataset(row: Row, data: str) -> dict:
    """One image at a time, augmented and packed."""
    flip = dict(type="RandomFlip", prob=0.5, direction="horizontal")
    if row.data == "folder":
        load, crop = "LoadImageFromFile", dict(type="RandomResizedCrop", scale=row.size)
        pipeline = [dict(type=load), crop, flip, dict(type="PackInputs")]
        files = dict(type="CustomDataset", **listed(data), pipeline=pipeline)
        return dict(type="RepeatDataset", times=FOLDER_REPEATS, dataset=files)
    crop = dict(type="RandomCrop", crop_size=row.size, padding=row.padding, pad_val=0)
    if row.data == "digits":
        pipeline = [crop, dict(type="PackInputs")]
        return dict(type="dmmix.Digits", split="train", pipeline=pipeline)
    pipeline = [crop, flip, dict(type="PackInputs")]
    return dict(type="mmpretrain.ImagesInMemory", data_file=data, pipeline=pipeline)


class _Net(nn.Module):
    """Backbone, mean over places, linear layer."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.backbone = MODELS.build(dict(row.backbone))
        self.fc = nn.Linear(row.features, row.num_classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.backbone(images)[-1].mean((2, 3)))


def bare_step(row: Row, device: str, switches: Mapping) -> Callable[[], Tensor]:
    """A training step on one normalised batch that never changes: the limit of what can be had.

    Args:
        switches: as ``step`` of a dmmix config: fused_optimizer, channels_last, precision, compile.
    """
    torch.manual_seed(0)
    layout = torch.channels_last if switches.get("channels_last") else torch.contiguous_format
    net = _Net(row).to(device, memory_format=layout).train()
    shape = (row.batch_size, row.channels, row.size, row.size)
    images = torch.randn(shape).to(device, memory_format=layout)
    labels = torch.arange(row.batch_size, device=device) % row.num_classes
    optimizer = torch.optim.SGD(
        net.parameters(), **OPTIMIZER, fused=bool(switches.get("fused_optimizer")) or None
    )
    low = switches.get("precision") == "bf16"

    def loss_of(images: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.cross_entropy(net(images), labels)

    if switches.get("compile"):
        loss_of = torch.compile(loss_of)

    def step() -> Tensor:
        with torch.autocast(device, torch.bfloat16, enabled=low):
            loss = loss_of(images, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step
