"""Training starts from the stated initialisation, not from PyTorch's default."""

import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from dmmix.registry import MODELS

pytestmark = pytest.mark.openmmlab

BASE = Path(__file__).parents[2] / "configs" / "_base_" / "models"


@pytest.mark.parametrize("name", ["resnet_digits"])
def test_initial_weights(name):
    torch.manual_seed(0)
    model = MODELS.build({**Config.fromfile(BASE / f"{name}.py").model, "_scope_": "dmmix"})
    model.init_weights()
    convolutions = [m for m in model.backbone.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) > 10
    for conv in convolutions:
        fan_out = conv.out_channels * conv.kernel_size[0] * conv.kernel_size[1]
        expected = math.sqrt(2 / fan_out)
        # Five standard errors of the deviation of so many normal draws.
        error = 5 * expected / math.sqrt(2 * conv.weight.numel())
        assert abs(conv.weight.std().item() - expected) < error
    last_norms = [block.norm2 for stage in (1, 2, 3) for block in stage_of(model, stage)]
    assert all((norm.weight == 0).all() for norm in last_norms)
    fc = model.head.fc
    assert abs(fc.weight.std().item() - 0.01) < 5 * 0.01 / math.sqrt(2 * fc.weight.numel())
    assert (fc.bias == 0).all()


def stage_of(model, number):
    return getattr(model.backbone, f"layer{number}")
