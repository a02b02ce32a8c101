"""Clean samples and their mixes in one batch, as a function."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import (
    Mixed,
    decoupled_mixup_bce,
    decoupled_mixup_cross_entropy,
    mixup_cross_entropy,
    regmixup,
)
from tests.laws import data
from tests.laws.data import generator
from tests.laws.mix_functions import mix

LOSSES = {
    "mce": mixup_cross_entropy,
    "dm_ce": lambda z, y, **kw: decoupled_mixup_cross_entropy(z, y, 0.5, **kw),
    "dm_bce": lambda z, y, **kw: decoupled_mixup_bce(z, y, 1.0, 0.8, **kw),
}


def batch(dtype=torch.float32):
    images, labels = data.batch(5, 3, (6, 9), dtype)
    return images, labels % 4


def mixes(images, labels):
    return {name: mix(name, images, labels) for name in ("mixup", "cutmix")}


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_clean_samples_stand_before_their_mixes(name):
    images, labels = batch()
    mixed = mixes(images, labels)[name]
    both = regmixup(images, labels, mixed)
    assert torch.equal(both.images, torch.cat([images, mixed.images]))
    assert torch.equal(both.labels.classes[5:], mixed.labels.classes)
    assert torch.equal(both.labels.shares[5:], mixed.labels.shares)
    assert torch.equal(both.labels.shares[:5], torch.tensor([[1.0, 0.0]]).expand(5, 2))
    assert torch.equal(both.labels.classes[:5, 0], labels)
    assert torch.equal(both.mask[5:], mixed.mask)
    assert bool((both.mask[:5] == 1).all())


@pytest.mark.parametrize("eta", [0.0, 0.3, 1, 4.0])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_the_mean_loss_is_clean_plus_eta_times_mixed(name, loss, eta):
    images, labels = batch(dtype=torch.float64)
    mixed = mixes(images, labels)[name]
    both = regmixup(images, labels, mixed, eta)
    logits = torch.randn(10, 4, dtype=torch.float64, generator=generator(2))
    value = LOSSES[loss](logits, both.labels, sample_weight=both.weights)
    clean = LOSSES[loss](logits[:5], labels)
    expected = clean + eta * LOSSES[loss](logits[5:], mixed.labels)
    assert_close(value, expected)
    assert_close(both.weights, torch.tensor([2.0] * 5 + [2.0 * eta] * 5, dtype=torch.float64))


def test_weights_of_the_mix_and_another_number_of_samples():
    images, labels = batch()
    inner = mixes(images, labels)["mixup"]
    weights = torch.tensor([1.0, 3.0, 0.5])
    parts = inner.images[:3], inner.labels[:3], inner.index[:3], inner.mask[:3]
    three = Mixed(*parts, weights)
    both = regmixup(images, labels, three, 0.7)
    losses = torch.rand(8)
    expected = losses[:5].mean() + 0.7 * (losses[5:] * three.weights).mean()
    assert_close((losses * both.weights).mean(), expected)


def test_labels_of_another_form_than_those_of_the_mix():
    images, labels = batch()
    with pytest.raises(TypeError, match="labels must be in the same form"):
        regmixup(images, torch.eye(4)[labels], mixes(images, labels)["cutmix"])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(eta=-1.0), ValueError, "eta must be 0 or more, got -1.0"),
        (dict(eta=float("nan")), ValueError, "eta must be 0 or more, got nan"),
        (dict(images=torch.zeros(5, 3, 6, 8)), ValueError, r"mixed must be images of \(3, 6, 8\)"),
        (dict(images=torch.zeros(5, 3, 6, 9).half()), ValueError, "mixed must be torch.float16"),
        (dict(out=torch.zeros(5, 3, 6, 9)), ValueError, r"out must be \(10, 3, 6, 9\)"),
        (dict(out=torch.zeros(10, 3, 6, 9).double()), TypeError, "out must be .*float64"),
    ],
)
def test_bad_arguments(change, error, message):
    images, labels = batch()
    good = dict(images=images, labels=labels, mixed=mixes(images, labels)["mixup"])
    with pytest.raises(error, match=message):
        regmixup(**{**good, **change})
