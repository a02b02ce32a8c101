"""A recipe made small: few small images at a time, no workers, no checksums, no downloads."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config

from dmmix.engine import DmmixRunner
from dmmix.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
#: Types whose files cannot have the checksums that their publisher states.
CHECKED = ("CIFAR10", "CIFAR100")
#: Networks that take images of any size.
ANY_SIZE = ("ResNet", "ResNeXt", "ConvNeXt")

#: The large networks with a block or two in each stage, of the same widths.
SHALLOW = {
    "VisionTransformer": dict(
        arch=dict(embed_dims=384, num_layers=2, num_heads=6, feedforward_channels=1536)
    ),
    "SwinTransformer": dict(arch=dict(embed_dims=96, depths=[1] * 4, num_heads=[3, 6, 12, 24])),
    "ConvNeXt_CIFAR": dict(arch=dict(depths=[1] * 4, channels=[96, 192, 384, 768])),
    "WideResNet": dict(depth=10),
}


def recipes():
    """Names of all that is neither a base file nor a sweep, without the quickstart and those of a
    folder that the command names (tests/cli/test_own_data.py)."""
    names = (path.relative_to(CONFIGS) for path in sorted(CONFIGS.rglob("*.py")))
    skipped = ("_base_", "own", "quickstart", "sweeps")
    return [str(name.with_suffix("")) for name in names if name.parts[0] not in skipped]


def load(name):
    return Config.fromfile(CONFIGS / f"{name}.py")


def shrink(cfg, root, batch=2, size=64, shallow=False):
    """Changes a config in place, for a run whose working folder is ``root``."""
    if shallow:
        cfg.model.backbone.update(SHALLOW.get(cfg.model.backbone.type, {}))
    cfg.work_dir = str(root / "work")
    cfg.log_level = "ERROR"
    cfg.step.compile = False  # takes a minute
    for part in ("train", "val", "test"):
        loader = cfg[f"{part}_dataloader"]
        loader.update(batch_size=batch, num_workers=0, persistent_workers=False)
        if loader.dataset.type == "SemiDataset":
            loader.batch_sampler.update(mu=2, batches=2)
            loader.dataset.subset = dict(labels_per_class=1)
        _shrink_dataset(loader.dataset, size if cfg.model.backbone.type in ANY_SIZE else None)
    pretrained = cfg.model.backbone.get("init_cfg")
    if isinstance(pretrained, dict) and pretrained["type"] == "Pretrained":
        # What the old network says is asked in evaluation mode, without batch statistics.
        weights = str(_weights(cfg, root, 1e-3 if "source_head" in cfg.model else 0.125))
        pretrained["checkpoint"] = weights
        if "source_head" in cfg.model:
            cfg.model.source_head.init_cfg.checkpoint = weights
    return cfg


def _shrink_dataset(dataset, size):
    while True:
        if dataset.type in CHECKED:
            dataset.checksums = False
        if size is not None and dataset.get("size", 0) > size:
            dataset.size = size
            dataset.pop("resize_edge", None)
        if not isinstance(dataset.get("dataset"), dict):
            return
        dataset = dataset.dataset


def _weights(cfg, root, value):
    """A checkpoint as a published one, of a network that was trained for other classes."""
    kind = cfg.model.backbone.type
    path = root / f"{kind}{cfg.model.backbone.depth}_{value}.pth"
    if not path.is_file():
        options = {k: v for k, v in cfg.model.backbone.items() if k != "init_cfg"}
        backbone = MODELS.build({**options, "_scope_": "dmmix"})
        state = {f"backbone.{k}": v.fill_(value) for k, v in backbone.state_dict().items()}
        inputs = cfg.model.head.in_channels
        head = {"head.fc.weight": torch.zeros(1000, inputs), "head.fc.bias": torch.zeros(1000)}
        torch.save({"state_dict": {**state, **head}}, path)
    return path


def runner_of(cfg):
    return DmmixRunner.from_cfg(cfg)
