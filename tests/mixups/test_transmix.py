"""TransMix: labels are where the class token of a vision transformer looks."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dmmix.functional import Guide, attention_share, mixing
from dmmix.mixups import CutMix, RandomMix, TransMix
from tests.laws.data import batch, generator
from tests.laws.mixes import run, watch
from tests.laws.small_model import SmallModel

SIZE = (16, 24)


# -- the labels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [1, 2])
@pytest.mark.parametrize("size", [(16, 16), (16, 24), (24, 8)])
@pytest.mark.parametrize("area", [0.0, 0.5])
def test_labels_are_where_the_class_token_looks(area, size, extra):
    """By hand, over the grid of patches of 4 x 4 pixels."""
    model = SmallModel(patch=4, extra=extra)
    for seed in range(3):
        mixed, _, _, told = run(TransMix(area=area), model, *batch(6, size=size), seed)
        mask = mixed.mask.float()
        kept = mask.unfold(2, 4, 4).unfold(3, 4, 4).mean((-1, -2)).view(6, -1)
        looked = model.attention / model.attention.sum(1, keepdim=True)
        by_hand = (1 - area) * (kept * looked).sum(1) + area * mask.mean((1, 2, 3))
        assert_close(told.shares, torch.stack([by_hand, 1 - by_hand], 1))
        assert torch.equal(told.classes, mixed.labels.classes)


def test_shares_are_each_samples_own_also_with_one_box_a_batch():
    """They were reduced to the mean of the batch."""
    mixed, _, _, told = run(TransMix(per_batch=True), SmallModel(patch=4), *batch(6, size=SIZE), 1)
    assert mixed.labels.shares.unique(dim=0).shape[0] == 1
    assert told.shares.unique(dim=0).shape[0] == 6


# -- beside other mixes ----------------------------------------------------------------------------


def test_only_those_of_the_mix_are_told_anew():
    """Also where another mix asks the model for something in between."""

    class Asks(CutMix):
        needs = frozenset({"logits"})

        def ask(self, guide, images, labels, draws):
            guide.logits(images + 1)

    model = SmallModel(classes=12, patch=4)
    mix = RandomMix([TransMix(), Asks()], per_sample=True)
    mixed, _, _, told = run(mix, model, *batch(12, size=SIZE))
    by_attention = (told.shares[:, 0] - attention_share(model.attention, mixed.mask)).abs() < 1e-6
    by_area = (told.shares - mixed.labels.shares).abs().sum(1) < 1e-6
    rows = mix.draw(12, SIZE, generator()).rows[0]
    assert bool(by_attention[rows].all())
    assert bool(by_area[~rows].all())
    assert bool((by_attention & ~by_area).any())
    assert bool((by_area & ~by_attention).any())


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
            head=dict(num_classes=6, in_channels=16, loss=dict(type="DecoupledMixupLoss"), **head),
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
    images, labels = batch(6, size=(32, 48))
    seen, made, loss = {}, watch(model.mixup), model.head.loss

    def heard(feats, told, **options):
        seen["told"] = told
        return loss(feats, told, **options)

    model.head.loss = heard
    total, _ = model.parse_losses(model(images, mode="loss", labels=labels))
    total.backward()
    (mixed,) = made
    share = attention_share(class_attention(model, mixed.images), mixed.mask)
    told = seen["told"]
    if isinstance(told, list):  # a head of mmpretrain's
        told = torch.stack([sample.gt_score for sample in told])
        expected = mixing.mixup(images, labels, share, mixed.labels.classes[:, 1])
        assert_close(told, expected.labels.dense(6), rtol=1e-4, atol=1e-5)
    else:
        assert_close(told.shares[:, 0], share, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(share, mixed.labels.shares[:, 0])


@pytest.mark.openmmlab
def test_networks_without_such_attention_are_an_error():
    message = "with a class token that the head reads"
    model = classifier("VisionTransformer", dict(type="TransMix"), out_type="avg_featmap")
    images, labels = batch(6, size=(32, 48))
    with pytest.raises(ValueError, match=message):
        model(images, mode="loss", labels=labels)
    guide = Guide(nn.Flatten())
    mixed = TransMix().mix(images, labels, generator(), guide)
    with pytest.raises(ValueError, match="attention"), guide.step(mixed):
        pass


def test_extra_tokens_that_nobody_told_of_are_an_error():
    model = SmallModel(patch=4, extra=2)
    guide = Guide(model, attention="qkv", heads=2, extra_tokens=1)
    mixed = TransMix().mix(*batch(6, size=(16, 16)), generator(), guide)
    with guide.step(mixed) as step:
        model(mixed.images)
    with pytest.raises(ValueError, match="tokens are no grid of square patches"):
        step.settle()
