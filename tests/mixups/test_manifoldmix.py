"""ManifoldMix: in plain models, in mmpretrain's backbones, and beside other mixes."""

from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dmmix.functional import Guide, MixedLabels
from dmmix.mixups import ManifoldMix, RandomMix
from dmmix.testing import assert_labels_match_pixels
from tests.mixups.small_model import left_alone, small_guide, small_model
from tests.mixups.waits import Waits


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def same(channels):
    """A linear layer that changes nothing."""
    layer = nn.Conv2d(channels, channels, 1, bias=False)
    nn.init.dirac_(layer.weight)
    return layer


def plain(channels, stages=3, dtype=torch.float32):
    model = nn.Sequential(*[same(channels) for _ in range(stages)]).to(dtype)
    return model, Guide(model, stages=[str(k) for k in range(stages)])


def step(mix, model, guide, images, labels, seed=0):
    with guide.step():
        mixed = mix.mix(images, labels, generator(seed), guide)
        out = model(mixed.images)
        return out, guide.settle(mixed.labels), mixed


# -- what comes out of the network is what the labels say ------------------------------------------


@pytest.mark.parametrize("stages", [None, [0], [1], [2], ["2"], [0, 1, 2, 3]])
@pytest.mark.parametrize(("n", "size"), [(1, (8, 8)), (2, (5, 9)), (7, (13, 6))])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_provenance(n, size, channels, stages):
    model, guide = plain(channels or n)
    for seed in range(3):
        assert_labels_match_pixels(
            lambda x, y, seed=seed: step(ManifoldMix(stages=stages), model, guide, x, y, seed)[:2],
            n,
            size,
            channels=channels,
        )


@pytest.mark.parametrize(("dtype", "atol"), [(torch.bfloat16, 2**-8), (torch.float64, 1e-12)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_provenance_in_other_dtypes_and_layouts(dtype, atol, layout):
    model, guide = plain(7, dtype=dtype)
    for stages in ([0], [2]):
        mix = ManifoldMix(stages=stages)
        assert_labels_match_pixels(
            lambda x, y, mix=mix: step(mix, model, guide, x, y)[:2],
            7,
            (6, 9),
            dtype=dtype,
            memory_format=layout,
            atol=atol,
        )


def test_half_of_the_samples_beside_others():
    model, guide = plain(7)
    mix = RandomMix([ManifoldMix(stages=[1])], fraction=0.5)
    assert_labels_match_pixels(lambda x, y: step(mix, model, guide, x, y)[:2], 7)
    images = torch.randn(7, 7, 4, 4)
    out, labels, _ = step(mix, model, guide, images, torch.arange(7))
    alone = labels.shares[:, 0] == 1
    assert int(alone.sum()) >= 3
    assert torch.equal(out[alone], model(images)[alone])
    assert not torch.equal(out, model(images))


@pytest.mark.parametrize("fraction", [1.0, 0.6])
def test_one_of_several_mixes_each_step(fraction):
    model, guide = plain(6)
    inner = RandomMix([ManifoldMix(stages=[1, 2])], fraction=0.7)
    mix = RandomMix([inner, dict(type="CutMix"), ManifoldMix()], fraction=fraction)
    for seed in range(8):
        assert_labels_match_pixels(
            lambda x, y, seed=seed: step(mix, model, guide, x, y, seed)[:2], 6
        )


def test_it_cannot_be_chosen_for_single_samples():
    with pytest.raises(ValueError, match="ManifoldMix mixes what the network makes"):
        RandomMix([dict(type="ManifoldMix"), dict(type="CutMix")], per_sample=True)
    RandomMix([dict(type="ManifoldMix")], per_sample=True, probs=[0.5])


# -- what is drawn ---------------------------------------------------------------------------------


def test_the_stage_is_drawn_each_step_evenly():
    _, guide = plain(3)
    images, labels = torch.randn(2, 3, 4, 4), torch.arange(2)
    seen = []
    guide.mix_features = lambda stage, mix: seen.append(stage)
    g = generator()
    for _ in range(900):
        before = len(seen)
        mixed = ManifoldMix(fixed_points=False).mix(images, labels, g, guide)
        if len(seen) == before:
            assert not torch.equal(mixed.images, images)
            seen.append("images")
        else:
            assert mixed.images is images
    assert set(seen) == {"images", "0", "1"}
    assert all(abs(seen.count(stage) - 300) < 75 for stage in ("images", "0", "1"))


def test_lam_is_beta():
    model, guide = plain(1)
    images, labels = torch.zeros(4000, 1, 1, 1), torch.zeros(4000).long()
    for stages in ([0], [1]):
        mix = ManifoldMix(stages=stages)
        lam = step(mix, model, guide, images, labels)[1].shares[:, 0].double()
        assert abs(float(lam.mean()) - 0.5) < 0.02
        assert abs(float(lam.var()) - 1 / 20) < 0.005  # of Beta(2, 2)
        assert abs(float((lam < 0.25).double().mean()) - 0.15625) < 0.03


def test_options():
    model, guide = plain(8)
    images, labels = torch.randn(8, 8, 4, 4), torch.arange(8)
    a, b = (step(ManifoldMix(), model, guide, images, labels, 3) for _ in range(2))
    assert torch.equal(a[0], b[0])
    assert torch.equal(a[1].shares, b[1].shares)
    one = step(ManifoldMix(per_batch=True, stages=[1]), model, guide, images, labels)[1]
    assert one.shares.unique(dim=0).shape[0] == 1
    for seed in range(10):
        mix = ManifoldMix(fixed_points=False)
        classes = step(mix, model, guide, images, labels, seed)[1].classes
        assert not bool((classes[:, 0] == classes[:, 1]).any())
    dense = step(ManifoldMix(), model, guide, images, torch.eye(8), 3)[1]
    assert_close(dense, a[1].dense(8))
    assert isinstance(
        step(ManifoldMix(), model, guide, images, MixedLabels.from_labels(labels))[1], MixedLabels
    )
    assert repr(ManifoldMix()).endswith("fixed_points=True, stages=None)")


def test_the_images_are_not_written_to():
    model, guide = plain(3)
    images = torch.randn(5, 3, 4, 4)
    before = images.clone(), images._version
    for seed in range(6):
        step(ManifoldMix(), model, guide, images, torch.arange(5), seed)
    assert torch.equal(images, before[0])
    assert images._version == before[1]


def test_nothing_waits_for_the_device():
    model, guide = plain(3)
    images, labels = torch.randn(5, 3, 4, 4), torch.arange(5)
    mix = RandomMix([ManifoldMix()], fraction=0.5)
    with Waits() as waits:
        for seed in range(6):
            step(mix, model, guide, images, labels, seed)
    assert waits.found == []


# -- the model -------------------------------------------------------------------------------------


def test_the_model_is_left_alone():
    model = small_model()
    guide = small_guide(model)
    with left_alone(model):
        for seed in range(6):
            with guide.step():
                ManifoldMix().mix(torch.randn(4, 3, 8, 8), torch.arange(4), generator(seed), guide)


def test_the_hook_works_once():
    model, guide = plain(4)
    images, labels = torch.randn(4, 4, 3, 3), torch.arange(4)
    step(ManifoldMix(stages=[2]), model, guide, images, labels)
    assert torch.equal(model(images), images)


@pytest.mark.parametrize("enabled", [False, True])
def test_a_training_step_also_under_autocast(enabled):
    model = small_model(3, 5)
    guide = small_guide(model)
    images, labels = torch.randn(6, 3, 8, 8), torch.arange(6) % 5
    for stages in ([0], [1], [2]):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            logits, mixed, _ = step(ManifoldMix(stages=stages), model, guide, images, labels)
        loss = -(logits.float().log_softmax(1) * mixed.dense(5)).sum(1).mean()
        loss.backward()
        assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters())
        assert bool(model.stem.weight.grad.any())
        assert mixed.shares.dtype == torch.float32


def test_gradients_of_several_steps_add_up():
    model = small_model().eval()
    guide = small_guide(model)

    def gradient(seeds):
        model.zero_grad()
        for seed in seeds:
            images = torch.randn(4, 3, 8, 8, generator=generator(seed))
            mix = ManifoldMix(stages=[1])
            logits, labels, _ = step(mix, model, guide, images, torch.arange(4), seed)
            (-(logits.log_softmax(1) * labels.dense(5)).sum(1).mean()).backward()
        return model.stem.weight.grad.clone()

    assert_close(gradient([1, 2]), gradient([1]) + gradient([2]))


def test_under_no_grad():
    model, guide = plain(5)
    with torch.no_grad():
        assert_labels_match_pixels(
            lambda x, y: step(ManifoldMix(stages=[2]), model, guide, x, y)[:2], 5
        )


# -- errors ----------------------------------------------------------------------------------------


def test_stages_that_the_network_does_not_have_are_an_error_in_the_first_step():
    model, guide = plain(3)
    images, labels = torch.randn(2, 3, 4, 4), torch.arange(2)
    for seed in range(4):
        with pytest.raises(ValueError, match=r"stages must be at most 3, .* got 4"):
            ManifoldMix(stages=[0, 4]).mix(images, labels, generator(seed), guide)
        with pytest.raises(ValueError, match="no module 'layer9'"):
            ManifoldMix(stages=[0, 1, "layer9"]).mix(images, labels, generator(seed), guide)
    with pytest.raises(ValueError, match=r"name them in Guide\(model, stages"):
        ManifoldMix().mix(images, labels, generator(), Guide(model))
    ManifoldMix(stages=["1"]).mix(images, labels, generator(), Guide(model))
    with pytest.raises(ValueError, match="ManifoldMix asks the model"):
        ManifoldMix().mix(images, labels)


def test_features_with_the_samples_on_another_axis():
    model = nn.Sequential(nn.Flatten(2), nn.Identity())
    model[0].register_forward_hook(lambda module, args, out: out.permute(2, 0, 1))
    guide = Guide(model, stages=["1"])
    with pytest.raises(ValueError, match=r"features must be \(N, ...\) with N = 2"):
        step(ManifoldMix(stages=[1]), model, guide, torch.randn(2, 3, 4, 4), torch.arange(2))


# -- mmpretrain's backbones ------------------------------------------------------------------------

BACKBONES = {
    "ResNet": (
        dict(type="ResNet", depth=18, stem_channels=8, base_channels=8),
        dict(type="DMLinearClsHead", in_channels=64),
        ["layer1", "layer2"],
    ),
    "ResNet_CIFAR": (
        dict(type="ResNet_CIFAR", depth=18, stem_channels=8, base_channels=8),
        dict(type="DMLinearClsHead", in_channels=64),
        ["layer1", "layer2"],
    ),
    "Swin": (
        dict(
            type="SwinTransformer",
            arch=dict(embed_dims=8, depths=[1, 1, 1], num_heads=[1, 1, 2]),
            img_size=32,
            patch_size=4,
            window_size=2,
            out_indices=(2,),
        ),
        dict(type="DMLinearClsHead", in_channels=32),
        ["stages.0", "stages.1"],
    ),
    "ViT": (
        dict(
            type="VisionTransformer",
            arch=dict(embed_dims=16, num_layers=3, num_heads=2, feedforward_channels=16),
            img_size=32,
            patch_size=8,
        ),
        dict(type="DMVisionTransformerClsHead", in_channels=16),
        ["layers.0", "layers.1"],
    ),
    "ConvNeXt": (
        dict(type="ConvNeXt", arch=dict(depths=[1, 1, 1, 1], channels=[4, 8, 8, 16])),
        dict(type="DMLinearClsHead", in_channels=16),
        ["stages.0", "stages.1"],
    ),
}


def classifier(name, mixup):
    from dmmix.registry import MODELS

    backbone, head, _ = BACKBONES[name]
    neck = None if name in ("ViT", "ConvNeXt") else dict(type="GlobalAveragePooling")
    head = dict(num_classes=5, loss=dict(type="DecoupledMixupLoss"), **head)
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            _scope_="dmmix",
            type="MixupClassifier",
            backbone=backbone,
            neck=neck,
            head=head,
            mixup=mixup,
            data_preprocessor=dict(mean=[127.0] * 3, std=[127.0] * 3, num_classes=5),
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
    model = classifier(name, None).eval()
    images, labels = torch.randn(4, 3, 32, 32), torch.arange(4)
    from dmmix.models import ClassifierGuide

    for number, stage in enumerate(BACKBONES[name][2], 1):
        module = model.backbone.get_submodule(stage)
        with outputs_of(module) as plain_out:
            before = model.extract_feat(images)
        with ClassifierGuide(model).step() as guide:
            mixed = ManifoldMix(stages=[number]).mix(images, labels, generator(), guide)
            with outputs_of(module) as mixed_out:
                after = model.extract_feat(mixed.images)
            settled = guide.settle(mixed.labels)
        told = settled.dense(4)
        expected = torch.einsum("ij,j...->i...", told, plain_out[0])
        assert_close(mixed_out[0], expected, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(before[-1], after[-1])


@pytest.mark.openmmlab
@pytest.mark.parametrize("name", BACKBONES)
def test_a_step_of_the_classifier(name, runner):
    model = classifier(name, dict(type="ManifoldMix")).train()
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    data = model.data_preprocessor(dict(inputs=images, labels=torch.arange(4)), training=True)
    for iteration in range(4):
        runner(iter=iteration)
        model.zero_grad()
        loss, _ = model.parse_losses(model(**data, mode="loss"))
        loss.backward()
        assert bool(torch.isfinite(loss))
        grads = [p.grad for p in model.parameters() if p.requires_grad]
        assert any(g is not None and bool(g.any()) for g in grads)
    assert all(not m._forward_hooks for m in model.modules())
