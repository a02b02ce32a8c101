"""Checkpoints as a training leaves them, of networks that nobody has trained."""

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import nn

from dmmix.registry import MODELS

SMALL = dict(type="ResNet_CIFAR", depth=18, base_channels=8, stem_channels=8)
NAMES = ("bright", "dark", "grey")


def write_checkpoint(path, backbone=SMALL, channels=64, size=32, classes=NAMES, files=True, **head):
    """A classifier of image files (or of others) with statistics that an untrained one has not."""
    cfg = Config(
        dict(
            default_scope="dmmix",
            data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
            model=dict(
                type="MixupClassifier",
                backbone=backbone,
                neck=dict(type="GlobalAveragePooling"),
                head={
                    **dict(type="DMLinearClsHead", num_classes=len(classes), in_channels=channels),
                    **head,
                },
            ),
        )
    )
    dataset = dict(type="DecodedFolder", data_root="photos", size=size, test_mode=True)
    cfg.test_dataloader = dict(dataset=dataset if files else dict(type="Digits"))
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope("dmmix"):
        network = MODELS.build({**cfg.model, "data_preprocessor": cfg.data_preprocessor})
        network.init_weights()
    _look_trained(network, size)
    meta = dict(cfg=cfg.pretty_text, dataset_meta=dict(classes=classes))
    torch.save(dict(meta=meta, state_dict=network.state_dict()), path)
    return path


def _look_trained(network, size):
    """Statistics of images, and weights that make every layer matter."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            module.momentum = None
    nn.init.normal_(network.head.fc.weight)
    with torch.no_grad():
        network.train()(torch.randn(8, 3, size, size))
