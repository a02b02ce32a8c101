"""The two lines that bring DM into a stock mmpretrain config."""

import re
from copy import deepcopy
from pathlib import Path

import mmpretrain
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

from dmmix import compat

pytestmark = [pytest.mark.openmmlab, pytest.mark.slow]

# Each is the shipped config; the last column only makes it small enough for a test.
STOCK = {
    "resnet": (
        "resnet/resnet18_8xb32_in1k.py",
        64,
        "backbone=dict(base_channels=16, stem_channels=16), head=dict(in_channels=128,",
    ),
    "vit": (
        "vision_transformer/vit-base-p16_64xb64_in1k.py",
        32,
        "backbone=dict(arch='deit-tiny', img_size=32), head=dict(in_channels=192,",
    ),
    "swin": (
        "swin_transformer/swin-tiny_16xb64_in1k.py",
        64,
        "backbone=dict(img_size=64, window_size=2), head=dict(in_channels=768,",
    ),
}
TWO_LINES = """
custom_imports = dict(imports=['dmmix.mixups', 'dmmix.models'], allow_failed_imports=False)
_base_ = 'mmpretrain::{config}'
model = dict({small} num_classes=7,
        loss=dict(type='dmmix.DecoupledMixupLoss', eta=0.1, _delete_=True)),
    train_cfg=dict(augments=[dict(type='dmmix.{mix}', alpha=1.0)]))
"""


@pytest.mark.parametrize("mix", ["CutMix", "Mixup"])
@pytest.mark.parametrize("name", list(STOCK))
def test_two_lines_in_a_stock_config(tmp_path: Path, name: str, mix: str):
    config, size, small = STOCK[name]
    path = tmp_path / "two_lines.py"
    # ViT and Swin come with augments of their own, which are replaced.
    path.write_text(TWO_LINES.format(config=config, small=small, mix=mix), encoding="utf-8")
    cfg = Config.fromfile(path)
    cfg.model.setdefault("data_preprocessor", cfg.data_preprocessor)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
    assert type(model.head.loss_module).__name__ == "DecoupledMixupLoss"
    model.data_preprocessor.num_classes = 7
    model.train()
    batch = {
        "inputs": list(torch.randint(0, 256, (8, 3, size, size), dtype=torch.uint8)),
        "data_samples": [DataSample().set_gt_label(label) for label in (0, 3, 6, 2, 1, 4, 5, 0)],
    }
    data = model.data_preprocessor(batch, training=True)
    scores = torch.stack([sample.gt_score for sample in data["data_samples"]])
    assert torch.allclose(scores.sum(1), torch.ones(8))
    assert (scores > 0).sum(1).max() == 2, "nothing was mixed"
    losses = model(**data, mode="loss")
    losses["loss"].backward()
    assert torch.isfinite(losses["loss"])
    # The decoupled term is in it: more than the mixup cross entropy alone.
    model.eval()
    data["inputs"] = data["inputs"].detach()
    with torch.no_grad():
        logits = model(data["inputs"])
        with_term = model.head.loss_module(logits, scores)
        without = torch.nn.functional.cross_entropy(logits, scores)
    assert with_term > without


ROOT = Path(__file__).resolve().parents[2]


def two_lines_of(page: str) -> dict:
    """The model that the page tells to write under ``_base_``."""
    text = (ROOT / page).read_text(encoding="utf-8")
    (block,) = re.findall(r'^_base_ = "mmpretrain::[^\n]*\n(.*?)^```$', text, re.M | re.S)
    names: dict = {}
    exec(block, names)
    return names["model"]


def classifiers_with_a_head():
    """The configs as they are read, and where from."""
    folder = Path(mmpretrain.__file__).parent / ".mim" / "configs"
    for path in sorted(folder.rglob("*.py")):
        if "_base_" in path.parts:
            continue
        try:
            cfg = Config.fromfile(path)
        except Exception:  # of packages that are not installed
            continue
        model = cfg.get("model") or {}
        if model.get("type") == "ImageClassifier" and model.get("head"):
            yield path, cfg


def test_the_two_lines_of_the_pages_go_into_every_config_of_mmpretrain():
    """The form that README told before failed for half of them."""
    compat.prepare()  # as importing the parts of dmmix does
    model, built, failed = two_lines_of("README.md"), 0, []
    assert two_lines_of("docs/getting_started.md") == model
    for path, cfg in classifiers_with_a_head():
        lines = deepcopy(model)
        if "loss" not in cfg.model.head:  # as the page says
            del lines["head"]["loss"]["_delete_"]
        try:
            # What Config.fromfile does with `_base_`, which would read each file again.
            merged = Config._merge_a_into_b(dict(model=lines), cfg._cfg_dict).model
            preprocessor = {"type": "ClsDataPreprocessor", **(cfg.get("data_preprocessor") or {})}
            with DefaultScope.overwrite_default_scope("mmpretrain"):
                loss = MODELS.build(merged.head.loss)
                mixing = MODELS.build({**preprocessor, "batch_augments": merged.train_cfg})
            assert type(loss).__module__.startswith("dmmix.")
            (mix,) = mixing.batch_augments.augments
            assert type(mix).__module__ == "dmmix.mixups.cutmix"
            built += 1
        except Exception as error:
            failed.append(f"{path.name}: {error}")
    assert failed == []
    assert built > 300
