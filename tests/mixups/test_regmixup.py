"""RegMixup: the weights reach every loss."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dmmix.functional import (
    decoupled_mixup_bce,
    decoupled_mixup_cross_entropy,
    mixup_cross_entropy,
)
from dmmix.mixups import RandomMix, RegMixup
from tests.laws.data import batch, generator
from tests.laws.mixes import watch


def test_one_of_several_mixes_each_step():
    mix = RandomMix([dict(type="RegMixup"), dict(type="CutMix")], probs=[0.4, 0.4])
    sizes = set()
    for seed in range(20):
        mixed = mix.mix(*batch(6), generator(seed))
        sizes.add(len(mixed.images))
        assert (mixed.weights is None) == (len(mixed.images) == 6)
    assert sizes == {6, 12}
    for options in (dict(per_sample=True), dict(fraction=0.5)):
        with pytest.raises(ValueError, match="RegMixup changes the number of samples"):
            RandomMix([RegMixup()], **options)


def test_not_of_another():
    with pytest.raises(ValueError, match="mixup must leave the number of samples"):
        RegMixup(dict(type="RegMixup"))


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
                **dict(type="ResNet_CIFAR", depth=18, stem_channels=8, base_channels=8),
                **dict(num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,)),
            ),
            neck=dict(type="GlobalAveragePooling"),
            head=dict(num_classes=6, in_channels=8, **head),
            mixup=dict(type="RegMixup", eta=eta),
            data_preprocessor=dict(num_classes=6),
        )
    ).eval()  # so that clean and mixed halves can go through it apart


def losses(model, images, labels):
    """The loss of a step, logits and labels of its two halves."""
    made = watch(model.mixup)
    total, _ = model.parse_losses(model(images, mode="loss", labels=labels))
    logits = model(made[0].images)
    return total, logits[:6], logits[6:], made[0].labels[6:]


@pytest.mark.openmmlab
@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("eta", [1.0, 0.3])
def test_our_losses_on_our_heads(name, eta, dense):
    config, function = OURS[name]
    model = classifier(dict(type="DMLinearClsHead", loss=config), eta)
    images, labels = batch(6)
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
    images, labels = batch(6)
    total, clean, mixed, told = losses(model, images, labels)
    dense = told if function is OURS["dm_ce"][1] else told.dense(6)
    assert_close(total, function(clean, labels) + 0.3 * function(mixed, dense))
