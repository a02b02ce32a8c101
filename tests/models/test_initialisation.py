"""Training starts from the stated initialisation, not from PyTorch's default."""

import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import nn

from dmmix.registry import MODELS

pytestmark = pytest.mark.openmmlab

BASE = Path(__file__).parents[2] / "configs" / "_base_" / "models"
RESIDUAL = ["resnet_digits", "resnet18_cifar", "resnet50_cifar", "resnext50_cifar", "resnet18",
            "resnet34", "resnet50", "resnet50_rsb_a3", "resnext50"]  # fmt: skip
WIDE = ["wrn28_2", "wrn28_8", "wrn28_10"]
OTHERS = ["deit_small", "swin_tiny", "convnext_tiny", "convnext_tiny_cifar"]
#: What begins with weights that others have trained, but for the head.
PRETRAINED = [
    *("resnet18_pretrained", "resnet50_pretrained", "resnext50_pretrained", "efficientnet_lite0"),
]


def initial(name):
    torch.manual_seed(0)
    model = MODELS.build({**Config.fromfile(BASE / f"{name}.py").model, "_scope_": "dmmix"})
    if name not in (*OTHERS, *PRETRAINED):  # these set positions and scales when they are built
        with torch.no_grad():
            for weight in model.parameters():
                weight.fill_(7)  # whatever the initialisation leaves out shows
    model.init_weights()
    return model


def assert_deviation(weight, expected):
    """Within five standard errors of the deviation (and the mean) of so many normal draws."""
    error = 5 * expected / math.sqrt(2 * weight.numel())
    assert abs(weight.std().item() - expected) < error
    assert abs(weight.mean().item()) < 5 * expected / math.sqrt(weight.numel())


def parts(model, kind):
    return [module for module in model.backbone.modules() if isinstance(module, kind)]


def test_every_model_is_looked_at():
    assert {path.stem for path in BASE.glob("*.py")} == {*RESIDUAL, *WIDE, *OTHERS, *PRETRAINED}


@pytest.mark.parametrize("name", RESIDUAL + WIDE)
def test_convolutions_norms_and_classifier(name):
    model = initial(name)
    convolutions = parts(model, nn.Conv2d)
    assert len(convolutions) > 10
    for conv in convolutions:
        # As torch counts it, which knows nothing of groups.
        fan_out = conv.out_channels * conv.kernel_size[0] * conv.kernel_size[1]
        assert_deviation(conv.weight, math.sqrt(2 / fan_out))
        assert conv.bias is None
    last = last_norms(model) if name in RESIDUAL else []
    assert len(last) == (blocks_of(name) if name in RESIDUAL else 0)
    for norm in parts(model, nn.BatchNorm2d):
        zero = any(norm is each for each in last)
        assert (norm.weight == (0 if zero else 1)).all()
        assert (norm.bias == 0).all()
    fc = model.head.fc
    assert_deviation(fc.weight, 0.01)
    assert (fc.bias == 0).all()


def last_norms(model):
    blocks = [
        block for name in model.backbone.res_layers for block in getattr(model.backbone, name)
    ]
    return [block.norm3 if hasattr(block, "conv3") else block.norm2 for block in blocks]


def blocks_of(name):
    return 6 if name == "resnet_digits" else 8 if "18" in name else 16


def test_heads_of_pretrained_networks():
    pytest.importorskip("timm")
    fc = initial("efficientnet_lite0").head.fc
    assert_deviation(fc.weight, 0.01)
    assert (fc.bias == 0).all()


@pytest.mark.parametrize("name", [name for name in PRETRAINED if name.endswith("_pretrained")])
def test_only_the_weights_to_begin_with_differ(name):
    scratch, pretrained = (
        Config.fromfile(BASE / f"{each}.py").model
        for each in (name.removesuffix("_pretrained"), name)
    )
    assert pretrained.backbone.pop("init_cfg").type == "Pretrained"
    scratch.backbone.pop("init_cfg")
    assert pretrained == scratch


@pytest.mark.parametrize("name", OTHERS)
def test_transformers_and_convnext(name):
    """Truncated normal weights of deviation 0.02, zero biases, norms of one and zero."""
    model = initial(name)
    kinds = (nn.Linear, nn.Conv2d) if "convnext" in name else (nn.Linear,)
    head = model.head.layers.head if name == "deit_small" else model.head.fc
    layers = {"head": head, **dict(model.backbone.named_modules())}
    layers = {at: layer for at, layer in layers.items() if isinstance(layer, kinds)}
    assert len(layers) > 20
    for at, layer in layers.items():
        if name == "deit_small" and "ffn" in at:  # mmpretrain has Xavier there, as ViT
            expected = math.sqrt(2 / sum(layer.weight.shape))
        else:
            expected = 0.02
            assert layer.weight.abs().max() <= 0.1
            assert layer.bias is None or (layer.bias == 0).all()
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.1)
    for norm in parts(model, nn.LayerNorm):
        assert (norm.weight == 1).all()
        assert (norm.bias == 0).all()
    if name == "deit_small":
        assert model.backbone.pos_embed.std().item() == pytest.approx(0.02, rel=0.05)
