"""AlignMix: inside plain models and mmpretrain's backbones."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dmmix.functional import Guide, align_features
from dmmix.mixups import AlignMix, RandomMix, RegMixup
from dmmix.testing import assert_labels_match_pixels
from tests.mixups.small_model import left_alone, small_guide, small_model
from tests.mixups.waits import Waits


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def plain(channels, dtype=torch.float32):
    model = nn.Sequential()
    for name in ("first", "last"):
        layer = nn.Conv2d(channels, channels, 1, bias=False)
        nn.init.dirac_(layer.weight)
        model.add_module(name, layer)
    return model.to(dtype), Guide(model.to(dtype), stages=["first", "last"])


def step(mix, model, guide, images, labels, seed=0):
    with guide.step():
        mixed = mix.mix(images, labels, generator(seed), guide)
        out = model(mixed.images)
        return out, guide.settle(mixed.labels), mixed


# -- what comes out of the network is what the labels say ------------------------------------------


@pytest.mark.parametrize("stages", [None, [1], ["last"]])
@pytest.mark.parametrize(("n", "size"), [(1, (4, 4)), (2, (3, 5)), (7, (5, 2))])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_provenance(n, size, channels, stages):
    """Maps that are the same at every place: whichever lies where, the share is what counts."""
    model, guide = plain(channels or n)
    mix = AlignMix(stages=stages, iterations=10)
    for seed in range(2):
        assert_labels_match_pixels(
            lambda x, y, seed=seed: step(mix, model, guide, x, y, seed)[:2],
            n,
            size,
            channels=channels,
        )


@pytest.mark.parametrize(("dtype", "atol"), [(torch.bfloat16, 2**-8), (torch.float64, 1e-12)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_provenance_in_other_dtypes_and_layouts(dtype, atol, layout):
    model, guide = plain(7, dtype)
    mix = AlignMix(stages=["last"], iterations=10)
    assert_labels_match_pixels(
        lambda x, y: step(mix, model, guide, x, y)[:2],
        7,
        (3, 4),
        dtype=dtype,
        memory_format=layout,
        atol=atol,
    )


def test_features_are_aligned_at_the_last_stage():
    model, guide = plain(3)
    images, labels = torch.randn(6, 3, 3, 4) * 0.4, torch.arange(6)
    out, told, mixed = step(AlignMix(stages=["last"], epsilon=0.2), model, guide, images, labels)
    assert mixed.images is images
    index = told.classes[:, 1]
    share = told.shares[:, 0]
    both = [
        align_features(images, share, index, torch.full((6,), keep), epsilon=0.2)
        for keep in (True, False)
    ]
    fits = torch.stack([torch.isclose(out, b, atol=1e-5).flatten(1).all(1) for b in both])
    assert bool(fits.any(0).all())
    assert not torch.allclose(both[0], both[1])


def test_each_direction_is_drawn_for_half_of_the_samples():
    model, guide = plain(2)
    n = 400
    images = torch.randn(n, 2, 2, 2) * 0.4
    for per_batch, low, high in ((False, 140, 260), (True, 0, n)):
        mix = AlignMix(stages=["last"], iterations=20, per_batch=per_batch, fixed_points=False)
        seen = set()
        for seed in range(8):
            out, told, _ = step(mix, model, guide, images, torch.arange(n), seed)
            kept = align_features(
                images,
                told.shares[:, 0],
                told.classes[:, 1],
                torch.ones(n, dtype=torch.bool),
                iterations=20,
            )
            first = int(torch.isclose(out, kept, atol=1e-5).flatten(1).all(1).sum())
            seen.add(first > n / 2)
            assert low <= first <= high
            assert not per_batch or first in (0, n)
        assert not per_batch or seen == {True, False}


def test_images_or_the_last_stage_evenly():
    _, guide = plain(3)
    images, labels = torch.randn(2, 3, 4, 4), torch.arange(2)
    seen = []
    guide.mix_features = lambda stage, mix: seen.append(stage)
    g = generator()
    for _ in range(600):
        before = len(seen)
        mixed = AlignMix(fixed_points=False).mix(images, labels, g, guide)
        if len(seen) == before:
            assert not torch.equal(mixed.images, images)
            seen.append("images")
    assert set(seen) == {"images", "last"}
    assert abs(seen.count("last") - 300) < 70


@pytest.mark.parametrize("fraction", [0.5, 0.3])
def test_samples_that_are_not_mixed_stay_as_they_are(fraction):
    model, guide = plain(3)
    images, labels = torch.randn(10, 3, 3, 4), torch.arange(10)
    mix = RandomMix([AlignMix(stages=["last"], fixed_points=False)], fraction=fraction)
    for seed in range(4):
        out, told, _ = step(mix, model, guide, images, labels, seed)
        alone = told.shares[:, 0] == 1
        assert int(alone.sum()) == 10 - round(10 * fraction)
        assert torch.equal(out[alone], images[alone])
        assert not bool((out[~alone] == images[~alone]).flatten(1).all(1).any())


def test_in_the_second_half_of_regmixup():
    model, guide = plain(5)
    mix = RegMixup(AlignMix(stages=["last"], iterations=10))
    assert_labels_match_pixels(lambda x, y: step(mix, model, guide, x, y)[:2], 5)


def test_options():
    model, guide = plain(3)
    images, labels = torch.randn(8, 3, 3, 3), torch.arange(8)
    mix = AlignMix(stages=["last"])
    a, b = (step(mix, model, guide, images, labels, 3) for _ in range(2))
    assert torch.equal(a[0], b[0])
    assert torch.equal(a[1].shares, b[1].shares)
    dense = step(mix, model, guide, images, torch.eye(8), 3)
    assert torch.equal(dense[0], a[0])
    assert_close(dense[1], a[1].dense(8))
    lam = step(mix, model, guide, torch.zeros(2000, 3, 1, 1), torch.zeros(2000).long())[1]
    assert abs(float(lam.shares[:, 0].var()) - 1 / 20) < 0.008  # of Beta(2, 2)
    assert repr(AlignMix()).endswith("stages=None, epsilon=0.1, iterations=100)")


# -- the model -------------------------------------------------------------------------------------


def test_nothing_waits_for_the_device():
    model, guide = plain(3)
    images, labels = torch.randn(5, 3, 3, 4), torch.arange(5)
    before = images.clone(), images._version
    mix = RandomMix([AlignMix(stages=["last"])], fraction=0.5)
    with Waits() as waits:
        for seed in range(3):
            step(mix, model, guide, images, labels, seed)
            step(AlignMix(), model, guide, images, labels, seed)
    assert waits.found == []
    assert torch.equal(images, before[0])
    assert images._version == before[1]


def test_the_model_is_left_alone():
    model = small_model()
    guide = small_guide(model)
    with left_alone(model):
        for seed in range(4):
            with guide.step():
                AlignMix().mix(torch.randn(4, 3, 8, 8), torch.arange(4), generator(seed), guide)


@pytest.mark.parametrize("enabled", [False, True])
def test_a_training_step_also_under_autocast(enabled):
    model = small_model(3, 5)
    guide = small_guide(model)
    images, labels = torch.randn(6, 3, 8, 8), torch.arange(6) % 5
    for stages in (None, [0], [1], [2]):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            logits, told, _ = step(AlignMix(stages=stages), model, guide, images, labels)
        (-(logits.float().log_softmax(1) * told.dense(5)).sum(1).mean()).backward()
        assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters())
        assert bool(model.stem.weight.grad.any())
    with torch.no_grad():
        step(AlignMix(stages=[2]), model, guide, images, labels)


def test_gradients_of_several_steps_add_up():
    model = small_model().eval()
    guide = small_guide(model)

    def gradient(seeds):
        model.zero_grad()
        for seed in seeds:
            images = torch.randn(4, 3, 8, 8, generator=generator(seed))
            logits, told, _ = step(
                AlignMix(stages=[2]), model, guide, images, torch.arange(4), seed
            )
            (-(logits.log_softmax(1) * told.dense(5)).sum(1).mean()).backward()
        return model.stem.weight.grad.clone()

    assert_close(gradient([1, 2]), gradient([1]) + gradient([2]))


def test_networks_that_it_cannot_align():
    images, labels = torch.randn(2, 3, 4, 4), torch.arange(2)
    with pytest.raises(ValueError, match=r"AlignMix knows no stages .*Guide\(model, stages"):
        AlignMix().mix(images, labels, generator(), Guide(nn.Flatten()))
    model = nn.Sequential(nn.Flatten(2))
    with pytest.raises(ValueError, match=r"features must be a map, .* got \(2, 3, 16\)"):
        step(AlignMix(stages=["0"]), model, Guide(model), images, labels)
    with pytest.raises(ValueError, match="AlignMix asks the model"):
        AlignMix().mix(images, labels)


# -- mmpretrain ------------------------------------------------------------------------------------

BACKBONES = {
    "ResNet": dict(type="ResNet", depth=18, stem_channels=8, base_channels=8),
    "ResNet_CIFAR": dict(type="ResNet_CIFAR", depth=18, stem_channels=8, base_channels=8),
    "ConvNeXt": dict(type="ConvNeXt", arch=dict(depths=[1, 1, 1, 1], channels=[8, 8, 16, 64])),
    "ViT": dict(
        type="VisionTransformer",
        arch=dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=16),
        img_size=64,
        patch_size=16,
    ),
}


def classifier(name, mixup):
    from dmmix.registry import MODELS

    vit = name == "ViT"
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            _scope_="dmmix",
            type="MixupClassifier",
            backbone=BACKBONES[name],
            neck=dict(type="GlobalAveragePooling") if name.startswith("ResNet") else None,
            head=dict(
                type="DMVisionTransformerClsHead" if vit else "DMLinearClsHead",
                in_channels=16 if vit else 64,
                num_classes=5,
                loss=dict(type="DecoupledMixupLoss", eta=1.0),
            ),
            mixup=mixup,
            data_preprocessor=dict(mean=[127.0] * 3, std=[127.0] * 3, num_classes=5),
        )
    )


@pytest.mark.openmmlab
@pytest.mark.parametrize("name", ["ResNet", "ResNet_CIFAR", "ConvNeXt"])
def test_a_step_of_the_classifier(name, runner):
    model = classifier(name, dict(type="AlignMix")).train()
    inputs = torch.randint(0, 256, (4, 3, 64, 64), dtype=torch.uint8)
    data = model.data_preprocessor(dict(inputs=inputs, labels=torch.arange(4)), training=True)
    asked = set()
    for iteration in range(6):
        runner(iter=iteration)
        model.zero_grad()
        loss, _ = model.parse_losses(model(**data, mode="loss"))
        loss.backward()
        assert bool(torch.isfinite(loss))
        asked.add(bool(next(p for p in model.backbone.parameters()).grad.any()))
    assert asked == {True}
    assert all(not m._forward_hooks for m in model.modules())


@pytest.mark.openmmlab
def test_tokens_are_no_map():
    model = classifier("ViT", dict(type="AlignMix", stages=["layers.1"]))
    with pytest.raises(ValueError, match=r"features must be a map, \(N, D, h, w\)"):
        model(torch.randn(2, 3, 64, 64), mode="loss", labels=torch.arange(2))
