"""The first stages of timm's networks can stay as they are."""

import pytest
import torch

from dmmix.models import TIMMBackbone

pytest.importorskip("timm")
pytestmark = pytest.mark.openmmlab


@pytest.mark.parametrize(
    ("name", "stages", "first_trained"),
    [
        ("efficientnet_lite0", -1, "conv_stem.weight"),
        ("efficientnet_lite0", 0, "blocks.0.0.conv_dw.weight"),
        ("efficientnet_lite0", 4, "blocks.5.0.conv_pw.weight"),
        ("resnet18", 1, "layer1.0.conv1.weight"),
        ("resnet18", 2, "layer2.0.conv1.weight"),
        ("convnext_atto", 2, "stages.2.downsample.0.weight"),
        ("vit_tiny_patch16_224", 3, "blocks.3.norm1.weight"),
    ],
)
def test_what_is_trained(name, stages, first_trained):
    network = TIMMBackbone(name, frozen_stages=stages)
    trained = [n for n, p in network.timm_model.named_parameters() if p.requires_grad]
    names = [
        n for n, _ in network.timm_model.named_parameters() if "token" not in n and "pos_" not in n
    ]
    assert [n for n in names if n in trained] == names[names.index(first_trained) :]


def test_statistics_of_what_stays_stay():
    network = TIMMBackbone("resnet18", frozen_stages=2)
    network.train()
    before = {k: v.clone() for k, v in network.timm_model.state_dict().items()}
    network(torch.randn(2, 3, 32, 32))
    changed = {
        k.split(".")[0]
        for k, v in network.timm_model.state_dict().items()
        if not torch.equal(v, before[k])
    }
    assert changed == {"layer2", "layer3", "layer4"}


def test_more_stages_than_there_are():
    with pytest.raises(ValueError, match="frozen_stages=9: resnet18 has 5 stages"):
        TIMMBackbone("resnet18", frozen_stages=9)
