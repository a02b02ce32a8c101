"""What a guide finds in mmpretrain's classifiers, and guided mixes in a training step."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.testing import assert_close

from dmmix.functional import mixup
from dmmix.mixups import Mix
from dmmix.models.classifier_guide import ClassifierGuide
from dmmix.registry import MODELS
from tests.engine.small import in_two_processes
from tests.functional.asking import Watch, acting, assert_same_state, state_of, watching

pytestmark = pytest.mark.openmmlab

SIZE, CLASSES = 32, 5
TINY = dict(base_channels=8, stem_channels=8)
VIT = dict(embed_dims=16, num_layers=3, num_heads=2, feedforward_channels=32)
SWIN = dict(
    arch=dict(embed_dims=8, depths=[1, 1, 1], num_heads=[2, 2, 4]),
    img_size=SIZE, window_size=4, patch_size=2, out_indices=(2,),
)  # fmt: skip
PATCHES = dict(arch=VIT, img_size=SIZE, patch_size=8)
CONVNEXT = dict(arch=dict(depths=[1, 1, 2, 1], channels=[8, 16, 24, 32]))
POOLED = dict(with_cls_token=False, out_type="avg_featmap")
GAP = "GlobalAveragePooling"


def names(form, *numbers):
    return [form.format(k) for k in range(*numbers)]


# name: backbone, width of its features, neck, stages
NETS = {
    "resnet": (dict(type="ResNet", depth=18, **TINY), 64, GAP, names("layer{}", 1, 5)),
    "resnet_cifar": (dict(type="ResNet_CIFAR", depth=18, **TINY), 64, GAP, names("layer{}", 1, 5)),
    "mobilenet": (
        dict(type="MobileNetV2", widen_factor=0.25), 1280, GAP, [*names("layer{}", 1, 8), "conv2"]
    ),
    "mobilenet, 13 layers": (
        dict(type="MobileNetV3", arch="small_050"), 288, GAP, names("layer{}", 13)
    ),
    "convnext": (dict(type="ConvNeXt", **CONVNEXT), 32, None, names("stages.{}", 4)),
    "swin": (dict(type="SwinTransformer", **SWIN), 32, GAP, names("stages.{}", 3)),
    "vit": (dict(type="VisionTransformer", **PATCHES), 16, None, names("layers.{}", 3)),
    "deit, distilled": (
        dict(type="DistilledVisionTransformer", **PATCHES), 16, None, names("layers.{}", 3)
    ),
    "vit, pooled": (
        dict(type="VisionTransformer", **PATCHES, **POOLED), 16, None, names("layers.{}", 3)
    ),
    "ours, wide": (
        dict(type="WideResNet", depth=10, widen_factor=1), 64, GAP, names("layer{}", 1, 4)
    ),
    "ours, resnext": (
        dict(type="ResNeXt_CIFAR", depth=50, groups=4, width_per_group=2, **TINY), 256, GAP,
        names("layer{}", 1, 5),
    ),
    "ours, convnext": (dict(type="ConvNeXt_CIFAR", **CONVNEXT), 32, None, names("stages.{}", 4)),
}  # fmt: skip
MAPS = [name for name in NETS if "vit" not in name and "deit" not in name]
TOKENS = ["vit", "deit, distilled"]


def build(name, train=False, **options):
    torch.manual_seed(0)
    backbone, width, neck, _ = NETS[name]
    options = {"mixup": None, **options}
    head = dict(type="dmmix.DMLinearClsHead", num_classes=CLASSES, in_channels=width)
    if "vit" in name:
        head["type"] = "VisionTransformerClsHead"
    elif "deit" in name:
        head["type"] = "DeiTClsHead"
    model = MODELS.build(
        dict(
            type="dmmix.MixupClassifier",
            backbone={**backbone, "_scope_": "dmmix", **options.pop("backbone", {})},
            neck=neck and dict(type=neck),
            head={**head, **options.pop("head", {})},
            **options,
        )
    )
    for module in model.modules():
        if isinstance(module, nn.Linear):  # heads of vision transformers start from 0
            nn.init.normal_(module.weight, std=0.3)
    return model.train(train)


def batch(n=4):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 3, SIZE, SIZE, generator=generator), torch.arange(n) % CLASSES


every_net = pytest.mark.parametrize("name", NETS)


# -- what is found -----------------------------------------------------------------------------


@every_net
def test_stages_are_found_and_mixed(name):
    model, (images, labels) = build(name), batch()
    assert list(ClassifierGuide(model).stages) == NETS[name][3]
    plain, index = model(images), torch.tensor([1, 2, 3, 0])
    for stage in NETS[name][3]:
        mixed = acting(images, labels, (stage, lambda x: x[index]))
        with ClassifierGuide(model).step(mixed) as step:
            logits = model(images)
        assert step.settle() is mixed.labels
        # All of the partner's features: the partner's logits.
        assert_close(logits, plain[index], rtol=1e-4, atol=1e-5)
        assert not torch.allclose(logits, plain)
    assert_close(model(images), plain)


@every_net
def test_saliency_is_the_gradient_of_the_classifier(name):
    model, (images, labels) = build(name), batch()
    pixels = images.clone().requires_grad_()
    nn.functional.cross_entropy(model(pixels), labels, reduction="sum").backward()
    found = ClassifierGuide(model).gradient(images, labels)
    assert_close(found, pixels.grad, rtol=1e-4, atol=1e-6)
    assert found.abs().sum() > 0
    assert_close(
        ClassifierGuide(model).saliency(images, labels), pixels.grad.square().mean(1).sqrt()
    )


@pytest.mark.parametrize("name", MAPS)
def test_features_and_activation(name):
    model, (images, labels) = build(name), batch()
    guide = ClassifierGuide(model)
    features = guide.features(images)
    assert features.shape[:2] == (4, NETS[name][1])
    assert features.shape[2:] >= (1, 1)
    if "convnext" not in name:  # has a norm between its last stage and what it returns
        assert_close(features, model.extract_feat(images, stage="backbone")[-1])
    found = guide.activation(images, labels)
    weight = model.head.fc.weight.detach()
    assert torch.equal(guide.class_weight(), weight)
    for i, label in enumerate(labels):
        expected = sum(w * f for w, f in zip(weight[label], features[i], strict=True))
        assert_close(found[i], expected, rtol=1e-4, atol=1e-5)
    if "convnext" not in name:
        logits = guide.logits(images)[torch.arange(4), labels]
        total = found.mean((1, 2)) + model.head.fc.bias.detach()[labels]
        assert_close(total, logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TOKENS)
def test_attention_of_the_class_token(name):
    """Which is no feature map."""
    model, (images, labels) = build(name), batch()
    guide = ClassifierGuide(model)
    for ask, args in ((guide.features, (images,)), (guide.activation, (images, labels))):
        with pytest.raises(ValueError, match=r"MixupClassifier are no \(N, D, h, w\) map, got"):
            ask(*args)
    assert guide.class_weight().shape == (CLASSES, 16)
    rule, tokens = Watch(), []
    layer = model.backbone.layers[-1].attn
    handle = layer.register_forward_hook(lambda m, args, out: tokens.append(args[0]))
    with ClassifierGuide(model).step(watching(images, labels, rule)) as step:
        model(images)
    handle.remove()
    step.settle()
    (found,), tokens = rule.seen, tokens[0].detach()
    assert found.shape == (4, 16)  # patches, and no other token
    expected = torch.zeros(4, 16)
    qkv, extra = layer.qkv(tokens).detach(), tokens.shape[1] - 16
    for i in range(4):
        for head in range(2):
            a, b = 8 * head, 16 + 8 * head
            score = (qkv[i, :, b : b + 8] @ qkv[i, 0, a : a + 8]) / 8**0.5
            expected[i] += score.softmax(0)[extra:] / 2
    assert_close(found, expected)


def test_what_is_not_there():
    for name in [*MAPS, "vit, pooled"]:
        with pytest.raises(ValueError, match="MixupClassifier: no attention of a class token"):
            ClassifierGuide(build(name)).layers.attention()
    # An attention that does not call its layer is noticed.
    backbone = dict(type="BEiTViT", arch=VIT, img_size=SIZE, patch_size=8, out_type="cls_token")
    model, (images, labels) = build("vit", backbone=backbone), batch()
    with ClassifierGuide(model).step(watching(images, labels, Watch())) as step:
        model(images)
    with pytest.raises(RuntimeError, match=r"layers.2.attn.qkv .*has not run"):
        step.settle()
    model = build("resnet")
    guide = ClassifierGuide(model)
    with pytest.raises(ValueError, match=r"ResNet has no module 'stages.0'; its .*'layer4'\]"):
        guide.layers.module("stages.0")
    model.head = nn.Identity()
    with pytest.raises(ValueError, match="Identity has no linear classifier"):
        guide.class_weight()


# -- the model is as it was --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "backbone"),
    [*((name, {}) for name in NETS), ("resnet", dict(frozen_stages=1, norm_eval=True))],
)
def test_nothing_of_the_model_changes(name, backbone):
    model, (images, labels) = build(name, train=True, backbone=backbone), batch()
    nn.functional.cross_entropy(model(images), labels).backward()
    next(m for m in model.modules() if not list(m.children())).eval()
    if backbone:
        model.backbone.layer1.requires_grad_(True)  # by a hook, later in training
    before = state_of(model)
    guide = ClassifierGuide(model)
    guide.saliency(images, labels)
    if name in MAPS:
        guide.activation(images, labels)
    assert_same_state(before, state_of(model))


@pytest.mark.parametrize("name", ["resnet", "convnext", "swin"])
def test_backbones_that_save_memory(name):
    images, labels = batch()
    model, plain = build(name, train=True, backbone=dict(with_cp=True)), build(name)
    plain.load_state_dict(model.state_dict())
    expected = ClassifierGuide(plain).saliency(images, labels)
    assert_close(ClassifierGuide(model).saliency(images, labels), expected)
    saving = [m.with_cp for m in model.modules() if hasattr(m, "with_cp")]
    assert all(saving[1:])
    assert any(saving)


# -- in training -------------------------------------------------------------------------------


class Asks(Mix):
    """Asks all that there is to ask, and leaves images and features as they are."""

    needs = frozenset({"saliency", "features", "activation", "stages"})

    def __init__(self, asks=True):
        super().__init__()
        self.asks = asks
        self.seen = []

    def draw(self, n, size, generator):
        return ()

    def ask(self, guide, images, labels, draws):
        if not self.asks:
            return ()
        self.seen.append(guide.saliency(images, labels))
        guide.features(images)
        guide.activation(images, labels)
        guide.logits(images)
        return guide.stages

    def blend(self, images, labels, draws, answers=None):
        return acting(images, labels, *((stage, lambda x: x) for stage in answers))


def train_steps(asks, steps=3, autocast=False, name="resnet_cifar"):
    """Gradients that ``steps`` batches add up to."""
    mix = Asks(asks)
    model = build(name, train=True, mixup=mix)
    for step in range(steps):
        images, labels = batch()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            losses = model(images + step, labels=labels, mode="loss")
        loss, _ = model.parse_losses(losses)
        (loss / steps).backward()
    assert len(mix.seen) == (steps if asks else 0)
    return {k: p.grad for k, p in model.named_parameters()}, dict(model.named_buffers()), mix


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("name", ["resnet_cifar", "swin"])
def test_gradients_accumulate_as_without_a_guide(name, autocast):
    plain, guided = (train_steps(asks, autocast=autocast, name=name) for asks in (False, True))
    assert all(grad is not None for grad in plain[0].values())
    assert_close(guided[0], plain[0], rtol=0, atol=0)
    assert_close(guided[1], plain[1], rtol=0, atol=0)
    exact = train_steps(True, 1, name=name)[2].seen[0]
    found = guided[2].seen[0]
    assert found.dtype == torch.float32
    assert torch.equal(exact, found) is not autocast
    assert (exact - found).norm() < 0.1 * exact.norm()


@pytest.mark.parametrize("mix", ["ManifoldMix", "AlignMix", "PuzzleMix", "SnapMix"])
@pytest.mark.parametrize("name", [name for name in NETS if "ours" in name])
def test_a_step_of(name, mix):
    model, (images, labels) = build(name, mixup=dict(type=mix, alpha=2.0)), batch()
    losses = model(images, labels=labels, mode="loss")
    total, _ = model.parse_losses(losses)
    total.backward()
    assert total.isfinite()
    assert all(weight.grad is not None for weight in model.backbone.parameters())


def test_labels_are_settled_after_the_forward_pass():
    class Late(Asks):
        needs = frozenset({"attention"})
        rule = Watch()

        def ask(self, guide, images, labels, draws):
            assert not self.rule.seen

        def blend(self, images, labels, draws, answers=None):
            (watched,) = watching(images, labels, self.rule).watched
            mixed = mixup(images, labels, torch.ones(4), torch.tensor([1, 2, 3, 0]))
            return mixed._replace(watched=(watched._replace(mixed=mixed),))

    head = dict(type="dmmix.DMVisionTransformerClsHead")
    model, (images, labels) = build("vit", mixup=Late(), head=head), batch()
    told, loss = [], model.head.loss
    model.head.loss = lambda feats, labels: told.append(labels) or loss(feats, labels)
    model(images, labels=labels, mode="loss")
    assert len(Late.rule.seen) == 1
    halves = (torch.eye(CLASSES)[labels] + torch.eye(CLASSES)[labels.roll(-1)]) / 2
    assert_close(told[0].dense(CLASSES), halves)


# -- on two processes --------------------------------------------------------------------------


def one_of_two(rank, folder):
    found = {}
    for asks in (True, False):
        mix = Asks(asks)
        model = build("resnet_cifar", train=True, mixup=mix)
        ddp = DistributedDataParallel(model)
        images, labels = batch(8)
        mine = slice(4 * rank, 4 * rank + 4)
        for sync in (ddp.no_sync, nullcontext):  # first without, as when gradients accumulate
            with sync():
                losses = ddp(images[mine], labels=labels[mine], mode="loss")
                model.parse_losses(losses)[0].backward()
        found[asks] = {k: p.grad for k, p in model.named_parameters()}, mix.seen
    return found


@pytest.mark.slow
def test_two_processes(tmp_path):
    ranks = in_two_processes(one_of_two, tmp_path)
    for found in ranks:
        assert len(found[True][1]) == 2
        assert_close(found[True][0], found[False][0], rtol=0, atol=0)
        assert_close(found[True][0], ranks[0][True][0], rtol=0, atol=0)  # and the ranks agree
    assert not torch.equal(ranks[0][True][1][0], ranks[1][True][1][0])
