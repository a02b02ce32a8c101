"""RegMixup: the weights reach every loss, and mixes of every kind go in it."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dmmix.functional import (
    Guide,
    MixedLabels,
    decoupled_mixup_bce,
    decoupled_mixup_cross_entropy,
    mixup_cross_entropy,
)
from dmmix.mixups import CutMix, ManifoldMix, Mixup, RandomMix, RegMixup
from dmmix.testing import assert_labels_match_pixels
from tests.mixups.waits import Waits


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=6, size=(8, 10)):
    return torch.randn(n, 3, *size, generator=generator(9)), torch.arange(n)


MEMBERS = {
    "default": None,
    "cutmix": dict(type="CutMix"),
    "some": dict(
        type="RandomMix",
        mixups=[dict(type="Mixup"), dict(type="CutMix")],
        fraction=0.5,
        per_sample=True,
    ),
}
members = pytest.mark.parametrize("member", MEMBERS.values(), ids=MEMBERS.keys())


@members
@pytest.mark.parametrize(("n", "size"), [(1, (8, 8)), (2, (5, 9)), (7, (13, 6))])
@pytest.mark.parametrize("channels", [None, 1, 3])
def test_provenance(member, n, size, channels):
    for layout in (torch.contiguous_format, torch.channels_last):
        mix = RegMixup(member)
        assert_labels_match_pixels(
            lambda x, y, mix=mix: mix.mix(x, y, generator(n)),
            n,
            size,
            channels=channels,
            memory_format=layout,
        )
    assert_labels_match_pixels(
        lambda x, y: RegMixup(member).mix(x, y, generator(n)),
        n,
        size,
        dtype=torch.bfloat16,
        atol=2**-8,
    )


@members
def test_the_mixed_half_is_what_the_mix_makes(member):
    images, labels = batch()
    for some in (labels, torch.eye(6), MixedLabels.from_labels(labels)):
        before = images.clone(), images._version
        mix = RegMixup(member)
        both, again = (mix.mix(images, some, generator(3)) for _ in range(2))
        alone = mix.mixup.mix(images, some, generator(3))
        assert torch.equal(both.images, torch.cat([images, alone.images]))
        assert torch.equal(both.images, again.images)
        assert torch.equal(images, before[0])
        assert images._version == before[1]
    assert both.weights.tolist() == [2.0] * 12
    assert RegMixup(member, eta=0.25).mix(images, labels).weights.tolist() == [2.0] * 6 + [0.5] * 6


def test_the_default_is_the_papers():
    mix = RegMixup()
    assert type(mix.mixup) is Mixup
    assert (mix.mixup.alpha, mix.eta) == (20.0, 1.0)
    lam = mix.mix(torch.zeros(3000, 1, 1, 1), torch.zeros(3000).long(), generator()).labels
    lam = lam.shares[3000:, 0].double()
    assert abs(float(lam.mean()) - 0.5) < 0.01
    assert abs(float(lam.var()) - 1 / 164) < 0.001  # of Beta(20, 20)


def test_memory_is_used_again_and_never_while_it_is_needed():
    images, labels = batch()
    mix = RegMixup(CutMix())
    kept = mix.mix(images, labels, generator(0)).images
    copy = kept.clone()
    for seed in range(1, 8):
        other = mix.mix(images, labels, generator(seed)).images
        assert other.data_ptr() != kept.data_ptr()
        address = other.data_ptr()
        del other
    assert torch.equal(kept, copy)
    assert mix.mix(images, labels, generator(9)).images.data_ptr() == address
    last = mix.mix(images.contiguous(memory_format=torch.channels_last), labels).images
    assert last.is_contiguous(memory_format=torch.channels_last)
    images.requires_grad_()
    mix.mix(images, labels).images.sum().backward()
    assert images.grad is not None


def test_nothing_waits_for_the_device():
    images, labels = batch()
    for member in MEMBERS.values():
        mix = RegMixup(member)
        with Waits() as waits:
            for seed in range(4):
                mix.mix(images, labels, generator(seed))
                mix.mix(images, torch.eye(6), generator(seed))
        assert waits.found == []


# -- in a RandomMix, and around mixes that look at the network -------------------------------------


def test_one_of_several_mixes_each_step():
    mix = RandomMix([dict(type="RegMixup"), dict(type="CutMix")], probs=[0.4, 0.4])
    sizes = set()
    for seed in range(20):
        mixed = mix.mix(*batch(), generator(seed))
        sizes.add(len(mixed.images))
        assert (mixed.weights is None) == (len(mixed.images) == 6)
    assert sizes == {6, 12}
    for options in (dict(per_sample=True), dict(fraction=0.5)):
        with pytest.raises(ValueError, match="RegMixup changes the number of samples"):
            RandomMix([RegMixup()], **options)


def test_features_are_mixed_in_the_second_half_alone():
    layer = nn.Conv2d(5, 5, 1, bias=False)
    nn.init.dirac_(layer.weight)
    model = nn.Sequential(layer)
    inside = ManifoldMix(stages=["0"])
    for inner in (inside, RandomMix([inside], fraction=0.6)):
        mix = RegMixup(inner)
        assert mix.needs_guide
        assert mix.mixes_features

        def run(images, labels, mix=mix):
            with Guide(model).step() as guide:
                mixed = mix.mix(images, labels, generator(), guide)
                out = model(mixed.images)
                return out, guide.settle(mixed.labels)

        assert_labels_match_pixels(run, 5)
        images = torch.randn(5, 5, 4, 4)
        out, _ = run(images, torch.arange(5))
        assert torch.equal(out[:5], images)
        assert not torch.equal(out[5:], images)
    assert not RegMixup().needs_guide


# -- the losses ------------------------------------------------------------------------------------

OURS = {
    "mce": (dict(type="MixupCrossEntropyLoss"), mixup_cross_entropy),
    "dm_ce": (
        dict(type="DecoupledMixupLoss", eta=0.1),
        lambda z, y: decoupled_mixup_cross_entropy(z, y, 0.1),
    ),
    "dm_bce": (
        dict(type="DecoupledMixupBCELoss", t=0.5, xi=1.0),
        lambda z, y: decoupled_mixup_bce(z, y, 0.5, 1.0),
    ),
}


def classifier(head, eta):
    from dmmix.registry import MODELS

    torch.manual_seed(0)
    return MODELS.build(
        dict(
            _scope_="dmmix",
            type="MixupClassifier",
            backbone=dict(
                type="ResNet_CIFAR",
                depth=18,
                stem_channels=8,
                base_channels=8,
                num_stages=1,
                strides=(1,),
                dilations=(1,),
                out_indices=(0,),
            ),
            neck=dict(type="GlobalAveragePooling"),
            head=dict(num_classes=6, in_channels=8, **head),
            mixup=dict(type="RegMixup", eta=eta),
            data_preprocessor=dict(num_classes=6),
        )
    ).eval()  # so that clean and mixed halves can go through it apart


def losses(model, images, labels):
    """The loss of a step, logits and labels of its two halves."""
    seen = {}
    mix = model.mixup.mix

    def spy(*args, **options):
        seen["mixed"] = mix(*args, **options)
        return seen["mixed"]

    model.mixup.mix = spy
    total, _ = model.parse_losses(model(images, mode="loss", labels=labels))
    mixed = seen["mixed"]
    logits = model(mixed.images)
    return total, logits[:6], logits[6:], mixed.labels[6:]


@pytest.mark.openmmlab
@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("eta", [1.0, 0.3])
def test_our_losses_on_our_heads(name, eta, dense):
    config, function = OURS[name]
    model = classifier(dict(type="DMLinearClsHead", loss=config), eta)
    images, labels = batch()
    given = torch.eye(6) if dense else labels
    total, clean, mixed, told = losses(model, images, given)
    assert_close(total, function(clean, labels) + eta * function(mixed, told))
    total.backward()


@pytest.mark.openmmlab
@pytest.mark.parametrize(
    ("loss", "function"),
    [
        (OURS["dm_ce"][0] | {"type": "dmmix.DecoupledMixupLoss"}, OURS["dm_ce"][1]),
        (dict(type="CrossEntropyLoss"), nn.functional.cross_entropy),
        (dict(type="CrossEntropyLoss", use_soft=True), nn.functional.cross_entropy),
        (
            dict(type="LabelSmoothLoss", label_smooth_val=0.1, mode="original", num_classes=6),
            lambda z, y: nn.functional.cross_entropy(z, y, label_smoothing=0.1),
        ),
    ],
)
@pytest.mark.parametrize("kind", ["LinearClsHead", "DMLinearClsHead"])
def test_stock_losses_and_heads(kind, loss, function):
    model = classifier(dict(type=kind, loss=loss), 0.3)
    images, labels = batch()
    total, clean, mixed, told = losses(model, images, labels)
    dense = told if function is OURS["dm_ce"][1] else told.dense(6)
    assert_close(total, function(clean, labels) + 0.3 * function(mixed, dense))


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (dict(mixup=dict(type="RegMixup")), ValueError, "mixup must leave the number of samples"),
        (dict(mixup=dict(type="NoSuchMix")), KeyError, "NoSuchMix"),
    ],
)
def test_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        RegMixup(**options)


def test_mmpretrains_protocol_cannot_take_it():
    with pytest.raises(ValueError, match="RegMixup returns more samples than it is given"):
        RegMixup()(torch.randn(2, 3, 4, 4), torch.eye(2))
