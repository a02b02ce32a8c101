"""Mixes that look at the network, or act in it, find their way in these backbones."""

import pytest
import torch

from dmmix.models import ClassifierGuide
from dmmix.registry import MODELS
from tests.functional.asking import acting

pytestmark = pytest.mark.openmmlab

BACKBONES = {
    "WideResNet": (dict(depth=10, widen_factor=1), 64, ["layer1", "layer2", "layer3"]),
    "ResNeXt_CIFAR": (
        dict(depth=50, groups=4, width_per_group=2, base_channels=8, stem_channels=8),
        256,
        ["layer1", "layer2", "layer3", "layer4"],
    ),
    "ConvNeXt_CIFAR": (
        dict(arch=dict(depths=[1, 1, 1, 1], channels=[8, 12, 16, 20])),
        20,
        ["stages.0", "stages.1", "stages.2", "stages.3"],
    ),
}


def classifier(kind, **options):
    backbone, width, _ = BACKBONES[kind]
    torch.manual_seed(0)
    config = dict(
        type="dmmix.MixupClassifier",
        backbone=dict(type=f"dmmix.{kind}", **backbone),
        neck=None if "ConvNeXt" in kind else dict(type="GlobalAveragePooling"),
        head=dict(
            type="dmmix.DMLinearClsHead",
            num_classes=5,
            in_channels=width,
            loss=dict(type="dmmix.DecoupledMixupLoss", eta=1.0),
        ),
        **options,
    )
    return MODELS.build(config)


@pytest.mark.parametrize("kind", BACKBONES)
def test_stages_have_names(kind):
    assert list(ClassifierGuide(classifier(kind)).stages) == BACKBONES[kind][2]


@pytest.mark.parametrize("kind", BACKBONES)
def test_features_of_each_stage_are_mixed(kind):
    """Halves of two images at a stage: what comes out is the same for both of a pair."""
    model = classifier(kind).eval()
    images, index = torch.randn(4, 3, 16, 16), torch.tensor([1, 0, 3, 2])
    plain = model(images)
    for stage in BACKBONES[kind][2]:
        mixed = acting(images, index, (stage, lambda f: (f + f[index]) / 2))
        with ClassifierGuide(model).step(mixed):
            logits = model.head(model.extract_feat(images))
        torch.testing.assert_close(logits[0], logits[1])
        torch.testing.assert_close(logits[2], logits[3])
        assert not torch.allclose(logits[0], logits[2])
    torch.testing.assert_close(model(images), plain)  # nothing is left behind


@pytest.mark.parametrize("mix", ["ManifoldMix", "AlignMix", "PuzzleMix", "SnapMix"])
@pytest.mark.parametrize("kind", BACKBONES)
def test_a_step_of(kind, mix):
    model = classifier(kind, mixup=dict(type=f"dmmix.{mix}", alpha=2.0))
    losses = model(torch.randn(4, 3, 32, 32), labels=torch.tensor([0, 1, 2, 3]), mode="loss")
    total = losses["loss_mixup"] + losses["loss_decoupled"]
    total.backward()
    assert total.isfinite()
    assert all(weight.grad is not None for weight in model.backbone.parameters())
