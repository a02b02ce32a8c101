"""Mixes inside the network: which stage, which direction, and in mmpretrain's backbones."""

from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dmmix.functional import Guide
from dmmix.mixups import AlignMix, ManifoldMix, RandomMix
from tests.laws.data import batch, generator
from tests.laws.small_model import SmallModel

BOTH = [ManifoldMix, AlignMix]
both = pytest.mark.parametrize("kind", BOTH)


@pytest.mark.parametrize(
    ("kind", "names"), [(ManifoldMix, (None, "first", "last")), (AlignMix, (None, "last"))]
)
def test_the_stage_is_drawn_each_step_evenly(kind, names):
    guide, g = SmallModel().guide(), generator()
    images, labels = batch(2, 3, (4, 4))
    seen = []
    for _ in range(300 * len(names)):
        seen.append(kind().ask(guide, images, labels, kind().draw(2, (4, 4), g)))
    assert set(seen) == set(names)
    assert all(abs(seen.count(name) - 300) < 75 for name in names)
    for answer in names:
        mixed = kind().blend(images, labels, kind().draw(2, (4, 4), g), answer)
        assert [inside.module for inside in mixed.inside] == [answer] * (answer is not None)
        assert (mixed.images is images) == (answer is not None)


def test_each_direction_of_alignmix_is_drawn_for_half():
    keep = [AlignMix().draw(100, (4, 4), generator(seed)).keep for seed in range(8)]
    assert abs(int(torch.cat(keep).sum()) - 400) < 70
    once = [AlignMix(per_batch=True).draw(9, (4, 4), generator(s)).keep.tolist() for s in range(8)]
    assert {*map(tuple, once)} == {(True,), (False,)}


@both
def test_it_cannot_be_chosen_for_single_samples(kind):
    with pytest.raises(ValueError, match=f"{kind.__name__} mixes what the network makes"):
        RandomMix([kind(), dict(type="CutMix")], per_sample=True)
    RandomMix([kind()], per_sample=True, probs=[0.5])


@both
def test_stages_that_the_network_does_not_have_are_an_error_in_the_first_step(kind):
    guide = SmallModel().guide()
    images, labels = batch(2, 3, (4, 4))
    name = kind.__name__
    for seed in range(4):
        with pytest.raises(ValueError, match=rf"{name}: stages must be at most 2, .* got 4"):
            kind(stages=[0, 4]).mix(images, labels, generator(seed), guide)
        with pytest.raises(ValueError, match="no module 'layer9'"):
            kind(stages=[0, 1, "layer9"]).mix(images, labels, generator(seed), guide)
    with pytest.raises(ValueError, match=rf"{name} knows no stages .*Guide\(model, stages"):
        kind().mix(images, labels, generator(), Guide(nn.Flatten()))
    kind(stages=["fc"]).mix(images, labels, generator(), guide)


@pytest.mark.parametrize(
    ("kind", "wrong", "says"),
    [
        (AlignMix, lambda out: out, r"features must be a map, .* got \(2, 3, 16\)"),
        (ManifoldMix, lambda out: out.permute(2, 0, 1), r"features must be \(N, ...\) with N = 2"),
    ],
)
def test_features_that_cannot_be_mixed(kind, wrong, says):
    model = nn.Sequential(nn.Flatten(2), nn.Identity())
    model[0].register_forward_hook(lambda module, args, out: wrong(out))
    guide = Guide(model, stages=["1"])
    mixed = kind(stages=[1]).mix(*batch(2, 3, (4, 4)), generator(), guide)
    with guide.step(mixed), pytest.raises(ValueError, match=says):
        model(mixed.images)


# -- mmpretrain's backbones ------------------------------------------------------------------------

#: Backbone, width of its features, and its first two stages.
BACKBONES = {
    "ResNet": (dict(depth=18, stem_channels=8, base_channels=8), 64, ["layer1", "layer2"]),
    "ResNet_CIFAR": (dict(depth=18, stem_channels=8, base_channels=8), 64, ["layer1", "layer2"]),
    "SwinTransformer": (
        dict(
            arch=dict(embed_dims=8, depths=[1, 1, 1], num_heads=[1, 1, 2]),
            **dict(img_size=32, patch_size=4, window_size=2, out_indices=(2,)),
        ),
        32,
        ["stages.0", "stages.1"],
    ),
    "VisionTransformer": (
        dict(
            arch=dict(embed_dims=16, num_layers=3, num_heads=2, feedforward_channels=16),
            **dict(img_size=32, patch_size=8),
        ),
        16,
        ["layers.0", "layers.1"],
    ),
    "ConvNeXt": (
        dict(arch=dict(depths=[1, 1, 1, 1], channels=[4, 8, 8, 16])),
        16,
        ["stages.0", "stages.1"],
    ),
}


def classifier(name):
    from dmmix.registry import MODELS

    options, width, _ = BACKBONES[name]
    pooled = name not in ("VisionTransformer", "ConvNeXt")
    head = "DMVisionTransformerClsHead" if name == "VisionTransformer" else "DMLinearClsHead"
    return MODELS.build(
        dict(
            _scope_="dmmix",
            type="MixupClassifier",
            backbone=dict(type=name, **options),
            neck=dict(type="GlobalAveragePooling") if pooled else None,
            head=dict(
                type=head,
                num_classes=5,
                in_channels=width,
                loss=dict(type="DecoupledMixupLoss"),
            ),
        )
    )


@contextmanager
def outputs_of(module):
    """What the module returns inside, first of a tuple."""
    seen = []

    def hook(module, args, output):
        seen.append(output[0] if isinstance(output, tuple) else output)

    handle = module.register_forward_hook(hook)
    yield seen
    handle.remove()


@pytest.mark.openmmlab
@pytest.mark.parametrize("name", BACKBONES)
def test_backbones_of_mmpretrain(name):
    """After each of its stages, the features are what the loop makes of those of single images."""
    from dmmix.models import ClassifierGuide

    model = classifier(name).eval()
    images, labels = torch.randn(4, 3, 32, 32), torch.arange(4)
    for number, stage in enumerate(BACKBONES[name][2], 1):
        module = model.backbone.get_submodule(stage)
        with outputs_of(module) as plain_out:
            before = model.extract_feat(images)
        guide = ClassifierGuide(model)
        mixed = ManifoldMix(stages=[number]).mix(images, labels, generator(), guide)
        with guide.step(mixed) as step, outputs_of(module) as mixed_out:
            after = model.extract_feat(mixed.images)
        told = step.settle().dense(4)
        expected = torch.einsum("ij,j...->i...", told, plain_out[0])
        assert_close(mixed_out[0], expected, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(before[-1], after[-1])
