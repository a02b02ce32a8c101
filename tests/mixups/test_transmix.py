"""TransMix: CutMix's images, labels by the attention of the pass that is trained on."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dmmix.functional import Guide, MixedLabels, attention_share, mixing
from dmmix.mixups import CutMix, RandomMix, RegMixup, TransMix
from dmmix.testing import assert_labels_match_pixels
from tests.mixups.waits import Waits


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Tiny(nn.Module):
    """A vision transformer of one attention layer, whose class token looks where it likes."""

    def __init__(self, channels=3, width=8, heads=2, patch=4, classes=6, extra=1):
        super().__init__()
        torch.manual_seed(0)
        self.patch = nn.Conv2d(channels, width, patch, patch)
        self.token = nn.Parameter(torch.randn(1, extra, width))
        self.qkv = nn.Linear(width, 3 * width)
        self.heads, self.extra = heads, extra
        self.head = nn.Linear(width, classes)
        self.attention = []
        nn.init.normal_(self.qkv.weight)

    def forward(self, images):
        patches = self.patch(images).flatten(2).transpose(1, 2)
        n, _, width = patches.shape
        tokens = torch.cat([self.token.expand(n, -1, -1), patches], 1)
        parts = self.qkv(tokens).unflatten(2, (3, self.heads, width // self.heads))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        weights = (query @ key.transpose(2, 3) / (width // self.heads) ** 0.5).softmax(-1)
        self.attention.append(weights.detach().mean(1)[:, 0, self.extra :])
        return self.head((weights @ value)[:, :, 0].flatten(1))

    def guide(self):
        return Guide(self, attention="qkv", heads=self.heads, extra_tokens=self.extra)


def batch(n=6, size=(16, 24)):
    return torch.randn(n, 3, *size, generator=generator(9)), torch.arange(n)


def step(mix, model, images, labels, seed=0):
    with model.guide().step() as guide:
        mixed = mix.mix(images, labels, generator(seed), guide)
        logits = model(mixed.images)
        return mixed, logits, guide.settle(mixed.labels)


# -- the labels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [1, 2])
@pytest.mark.parametrize("size", [(16, 16), (16, 24), (24, 8)])
@pytest.mark.parametrize("area", [0.0, 0.5])
def test_labels_are_where_the_class_token_looks(area, size, extra):
    model = Tiny(extra=extra)
    images, labels = batch(size=size)
    for seed in range(3):
        mixed, _, told = step(TransMix(area=area), model, images, labels, seed)
        expected = attention_share(model.attention[-1], mixed.mask, area)
        assert_close(told.shares[:, 0], expected)
        assert_close(told.shares.sum(1), torch.ones(6))
        assert torch.equal(told.classes, mixed.labels.classes)
        # By hand, the attention over the grid of patches of 4 x 4 pixels.
        grid = (size[0] // 4, size[1] // 4)
        kept = mixed.mask.float().unfold(2, 4, 4).unfold(3, 4, 4).mean((-1, -2)).view(6, -1)
        looked = model.attention[-1] / model.attention[-1].sum(1, keepdim=True)
        assert kept.shape[1] == grid[0] * grid[1]
        by_hand = (1 - area) * (kept * looked).sum(1) + area * mixed.mask.float().mean((1, 2, 3))
        assert_close(expected, by_hand)


def test_shares_are_each_samples_own_also_with_one_box_a_batch():
    model = Tiny()
    mixed, _, told = step(TransMix(per_batch=True), model, *batch(), 1)
    assert mixed.mask.float().unique(dim=0).shape[0] == 1
    assert mixed.labels.shares.unique(dim=0).shape[0] == 1
    assert told.shares.unique(dim=0).shape[0] == 6


@pytest.mark.parametrize(("n", "size"), [(1, (8, 8)), (2, (4, 12)), (7, (12, 8))])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_provenance_where_the_attention_is_even(n, size, channels, layout):
    model = Tiny(channels)
    nn.init.zeros_(model.qkv.weight)

    def run(x, y):
        mixed, _, told = step(TransMix(), model, x, y)
        return mixed.images, told

    assert_labels_match_pixels(run, n, size, channels=channels, memory_format=layout)


def test_images_are_those_of_cutmix():
    images, labels = batch()
    before = images.clone(), images._version
    mixed, _, told = step(TransMix(), Tiny(), images, labels, 3)
    cut = CutMix().mix(images, labels, generator(3))
    assert torch.equal(mixed.images, cut.images)
    assert torch.equal(mixed.mask, cut.mask)
    assert torch.equal(mixed.labels.shares, cut.labels.shares)
    assert not torch.allclose(told.shares, cut.labels.shares)
    assert torch.equal(images, before[0])
    assert images._version == before[1]


def test_labels_of_other_kinds():
    model = Tiny()
    images, labels = batch()
    told = step(TransMix(), model, images, labels)[2]
    assert_close(step(TransMix(), model, images, torch.eye(6))[2], told.dense(6))
    smooth = MixedLabels(labels[:, None], torch.ones(6, 1), torch.full((6,), 0.1))
    smooth = step(TransMix(), model, images, smooth)[2]
    assert_close(smooth.dense(6), told.dense(6) * 0.9 + 0.1 / 6)


def test_options():
    for seed in range(10):
        classes = step(TransMix(fixed_points=False), Tiny(), *batch(), seed)[2].classes
        assert not bool((classes[:, 0] == classes[:, 1]).any())
    assert repr(TransMix()) == ("TransMix(alpha=1.0, per_batch=False, fixed_points=True, area=0.0)")


# -- beside other mixes ----------------------------------------------------------------------------


@pytest.mark.parametrize("dense", [False, True])
def test_chosen_for_single_samples(dense):
    model = Tiny()
    images, labels = batch(24)
    labels = torch.eye(24) if dense else labels
    mix = RandomMix([dict(type="TransMix"), dict(type="Mixup")], probs=[0.5, 0.3], per_sample=True)
    mixed, _, told = step(mix, model, images, labels)
    area = mixed.labels if dense else mixed.labels.dense(24)
    told = told if dense else told.dense(24)
    changed = (area - told).abs().sum(1) > 1e-6
    assert 4 < int(changed.sum()) < 20
    # Those that were pasted have pixels of two images, none of them changed.
    pasted = (mixed.images[:, None] == images[None]).all(2).any(1).all((1, 2))
    assert not bool((changed & ~pasted).any())
    mask = mixed.mask.float().expand(-1, 1, 16, 24)
    share = attention_share(model.attention[-1], mask)
    own = told.diagonal()
    single = changed & (told.gt(0).sum(1) == 2)
    assert_close(own * single, share * single)


def test_questions_of_other_mixes_do_not_count():
    class Asks(CutMix):
        needs_guide = True

        def apply(self, images, labels, generator, guide):
            guide.logits(images + 1)
            return super().apply(images, labels, generator, guide)

    model = Tiny()
    images, labels = batch(12)
    mix = RandomMix([TransMix(), Asks()], per_sample=True)
    mixed, _, told = step(mix, model, images, labels)
    assert len(model.attention) == 2
    share = attention_share(model.attention[1], mixed.mask)
    by_attention = (told.shares[:, 0] - share).abs() < 1e-6
    by_area = (told.shares - mixed.labels.shares).abs().sum(1) < 1e-6
    assert bool((by_attention | by_area).all())
    assert bool((by_attention & ~by_area).any())
    assert bool((by_area & ~by_attention).any())


def test_some_of_some():
    inner = RandomMix([TransMix()], fraction=0.5)
    mix = RandomMix([inner, CutMix()], probs=[0.5, 0.5], per_sample=True, fraction=0.8)
    for seed in range(5):
        mixed, _, told = step(mix, Tiny(), *batch(20), seed)
        alone = (mixed.images == batch(20)[0]).flatten(1).all(1) & (mixed.labels.shares[:, 0] == 1)
        assert torch.equal(told.shares[alone], mixed.labels.shares[alone])
        assert bool(alone.any())


def test_in_the_second_half_of_regmixup():
    model = Tiny()
    images, labels = batch()
    mixed, logits, told = step(RegMixup(TransMix(), eta=0.5), model, images, labels)
    assert logits.shape[0] == len(told) == 12
    assert torch.equal(told.shares[:6, 0], torch.ones(6))
    share = attention_share(model.attention[-1][6:], mixed.mask[6:])
    assert_close(told.shares[6:, 0], share)


# -- the model -------------------------------------------------------------------------------------


def test_nothing_waits_for_the_device():
    model = Tiny()
    images, labels = batch()
    mix = RandomMix([TransMix(), CutMix()], per_sample=True)
    with Waits() as waits:
        for seed in range(4):
            step(mix, model, images, labels, seed)
            step(TransMix(), model, images, torch.eye(6), seed)
    assert waits.found == []


def test_the_model_is_left_alone():
    model = Tiny()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    images, labels = batch()
    with model.guide().step() as guide:
        TransMix().mix(images, labels, generator(), guide)
    assert not model.qkv._forward_hooks
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    mixed, logits, _ = step(TransMix(), model, images, labels)
    assert_close(logits, model(mixed.images))


@pytest.mark.parametrize("narrow", [False, True])
def test_gradients_do_not_go_through_the_labels(narrow):
    model = Tiny()
    with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
        _, logits, told = step(TransMix(), model, *batch())
    assert not told.shares.requires_grad
    assert told.shares.dtype == torch.float32
    assert_close(told.shares.sum(1), torch.ones(6))
    (-(logits.float().log_softmax(1) * told.dense(6)).sum(1).mean()).backward()
    assert bool(model.qkv.weight.grad.any())
    with torch.no_grad():
        step(TransMix(), model, *batch())


# -- mmpretrain ------------------------------------------------------------------------------------


def classifier(kind, mixup, size=(32, 48), **options):
    from dmmix.registry import MODELS

    distilled = kind == "DistilledVisionTransformer"
    head = dict(type="DeiTClsHead" if distilled else "DMVisionTransformerClsHead")
    torch.manual_seed(0)
    model = MODELS.build(
        dict(
            _scope_="dmmix",
            type="MixupClassifier",
            backbone=dict(
                type=kind,
                arch=dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=16),
                img_size=size,
                patch_size=8,
                **options,
            ),
            head=dict(
                num_classes=6,
                in_channels=16,
                loss=dict(type="DecoupledMixupLoss"),
                **head,
            ),
            mixup=mixup,
            data_preprocessor=dict(num_classes=6),
        )
    )
    for layer in model.backbone.layers:
        nn.init.normal_(layer.attn.qkv.weight)  # attention that is not even
    return model


def class_attention(model, images):
    """From the queries and keys of the last layer, head by head."""
    seen = []
    attn = model.backbone.layers[-1].attn
    handle = attn.register_forward_hook(lambda module, args, out: seen.append(args[0]))
    model.extract_feat(images)
    handle.remove()
    n, tokens, width = seen[0].shape
    qkv = attn.qkv(seen[0])
    total = torch.zeros(n, tokens)
    for head in range(attn.num_heads):
        at = slice(head * attn.head_dims, (head + 1) * attn.head_dims)
        query, key = qkv[:, :, :width][..., at], qkv[:, :, width : 2 * width][..., at]
        scores = torch.einsum("nd,ntd->nt", query[:, 0], key) / attn.head_dims**0.5
        total += scores.softmax(1) / attn.num_heads
    return total[:, model.backbone.num_extra_tokens :].detach()


@pytest.mark.openmmlab
@pytest.mark.parametrize("kind", ["VisionTransformer", "DistilledVisionTransformer"])
def test_vision_transformers_of_mmpretrain(kind):
    model = classifier(kind, dict(type="TransMix")).eval()
    images, labels = batch(size=(32, 48))
    seen = {}
    mix, loss = model.mixup.mix, model.head.loss

    def spy(*args, **options):
        seen["mixed"] = mix(*args, **options)
        return seen["mixed"]

    def heard(feats, told, **options):
        seen["told"] = told
        return loss(feats, told, **options)

    model.mixup.mix, model.head.loss = spy, heard
    total, _ = model.parse_losses(model(images, mode="loss", labels=labels))
    total.backward()
    share = attention_share(class_attention(model, seen["mixed"].images), seen["mixed"].mask)
    told = seen["told"]
    if isinstance(told, list):  # a head of mmpretrain's
        told = torch.stack([sample.gt_score for sample in told])
        expected = mixing.mixup(images, labels, share, seen["mixed"].labels.classes[:, 1])
        assert_close(told, expected.labels.dense(6), rtol=1e-4, atol=1e-5)
    else:
        assert_close(told.shares[:, 0], share, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(share, seen["mixed"].labels.shares[:, 0])


@pytest.mark.openmmlab
def test_networks_without_such_attention_are_an_error():
    message = "with a class token that the head reads"
    model = classifier("VisionTransformer", dict(type="TransMix"), out_type="avg_featmap")
    images, labels = batch(size=(32, 48))
    with pytest.raises(ValueError, match=message):
        model(images, mode="loss", labels=labels)
    with pytest.raises(ValueError, match=message):
        TransMix().mix(images, labels, generator(), Guide(nn.Flatten()))
    with pytest.raises(ValueError, match="TransMix asks the model what it sees"):
        TransMix().mix(images, labels)


def test_attention_that_did_not_run_is_an_error():
    model = Tiny()
    with (
        model.guide().step() as guide,
        pytest.raises(RuntimeError, match="qkv"),
    ):
        guide.settle(TransMix().mix(*batch(), generator(), guide).labels)


def test_extra_tokens_that_nobody_told_of_are_an_error():
    model = Tiny(extra=2)
    model.extra = 1
    with pytest.raises(ValueError, match="tokens are no grid of square patches"):
        step(TransMix(), model, *batch(size=(16, 16)))
