"""Every mix of configs/_base_/mixups trains the quickstart network under every objective."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper

import dmmix.models  # noqa: F401 - registers
from dmmix.registry import MODELS
from tests.conftest import ROOT

BASES = ROOT / "configs" / "_base_"
MIXUPS = sorted(path.stem for path in (BASES / "mixups").glob("*.py"))
OBJECTIVES = ("mce", "dm_ce", "mbce", "dm_bce")
#: Mixes that look at the attention of a vision transformer.
ATTENTION = ("transmix",)
VIT = dict(
    type="VisionTransformer",
    arch=dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32),
    img_size=8,
    patch_size=2,
    in_channels=1,
)


def quickstart_model(mixup, objective):
    model = Config.fromfile(BASES / "models" / "resnet_digits.py").model
    model.mixup = Config.fromfile(BASES / "mixups" / f"{mixup}.py").mixup
    model.head.loss = Config.fromfile(BASES / "objectives" / f"{objective}.py").objective
    if mixup in ATTENTION:
        model.update(backbone=VIT, neck=None)
        model.head.update(type="DMVisionTransformerClsHead", in_channels=16)
    torch.manual_seed(0)
    network = MODELS.build({"_scope_": "dmmix", **model})
    network.init_weights()
    return network


def digits(n=12):
    images = torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8)
    return {"inputs": images, "labels": torch.arange(n) % 10}


def test_there_are_mixes():
    assert {"mixup", "cutmix", "none"} <= set(MIXUPS)


@pytest.mark.openmmlab
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("mixup", MIXUPS)
def test_one_step(mixup, objective):
    network = quickstart_model(mixup, objective).train()
    torch.manual_seed(1)
    batch = digits()
    images = batch["inputs"].clone()
    optimizer = OptimWrapper(torch.optim.SGD(network.parameters(), lr=0.1))
    before = [parameter.clone() for parameter in network.parameters()]
    for _ in range(2):
        logged = network.train_step(batch, optimizer)
        assert torch.isfinite(logged["loss"])
    after = list(network.parameters())
    assert all(torch.isfinite(parameter).all() for parameter in after)
    assert not torch.equal(before[0], after[0])
    assert torch.equal(batch["inputs"], images)
    assert all(module.training for module in network.modules())
