"""mix_by_all: every registered mix on the same images."""

import copy
from functools import partial

import pytest
import torch
from mmengine.registry import DefaultScope

from dmmix.functional import mixing
from dmmix.mixups import AttentionShares, CutMix, Mix, Mixup
from dmmix.models import ClassifierGuide
from dmmix.registry import MIXUPS, MODELS
from dmmix.visualization.sheet import mix_by_all, registered_mixes
from tests.engine import small
from tests.engine.small import differing

TINY = dict(embed_dims=8, num_layers=1, num_heads=2, feedforward_channels=8)

pytestmark = pytest.mark.openmmlab


@pytest.fixture
def guide():
    torch.manual_seed(0)
    return ClassifierGuide(MODELS.build({**small.model(channels=3), "_scope_": "dmmix"}))


@pytest.fixture
def batch():
    images = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    return images, torch.arange(5)


class Inside(Mixup):
    """Mixes after the second stage."""

    needs = frozenset({"stages"})

    def blend(self, images, labels, draws, answers=None):
        half = partial(torch.lerp, weight=0.5)
        change = mixing.Inside("layer2", lambda features: half(features, features[draws.index]))
        mixed = super().blend(images, labels, draws)
        return mixed._replace(images=images, inside=(change,))


class Halves(AttentionShares):
    """Halves, whatever is seen."""

    def settle(self, mixed, seen):
        return torch.full((len(seen), 2), 0.5)


class After(Mixup):
    """Labels after the forward pass."""

    needs = frozenset({"attention"})

    def blend(self, images, labels, draws, answers=None):
        return Halves().on(super().blend(images, labels, draws), images, labels)


class Refuses(Mixup):
    needs = frozenset({"attention"})

    def ask(self, guide, images, labels, draws):
        raise ValueError("no attention here")


def test_a_mix_of_the_user_is_there():
    @MIXUPS.register_module(name="TemporaryMix")
    class TemporaryMix(Mix):
        def draw(self, n, size, generator):
            return ()

        def blend(self, images, labels, draws, answers=None):
            return mixing.unmixed(images, labels)

    try:
        found = registered_mixes()
        assert found["TemporaryMix"] is TemporaryMix
        assert list(found) == sorted(found, key=str.lower)
        assert "RandomMix" not in found  # it needs mixes to choose from
    finally:
        MIXUPS.module_dict.pop("TemporaryMix")


def test_every_registered_mix_is_drawn_or_says_why_not(guide, batch):
    before = copy.deepcopy(guide.model.state_dict())
    sheet = mix_by_all(registered_mixes(), *batch, guide)
    for name in registered_mixes():
        rows = [mixed for row, mixed in sheet.rows if row.split("\n")[0] == name]
        left_out = [note for note in sheet.notes if note.startswith(f"{name} is left out: ")]
        assert len(rows) + len(left_out) == 1, name
        for mixed in rows:
            assert mixed.images.isfinite().all()
            assert len(mixed.labels) == len(mixed.images)
    # A seed is a sheet, and no image is its own partner.
    one, two, other = (
        mix_by_all({"CutMix": CutMix}, *batch, guide, seed=seed).rows[0][1] for seed in (3, 3, 4)
    )
    assert (one.labels.classes[:, 0] != one.labels.classes[:, 1]).all()
    assert torch.equal(one.images, two.images)
    assert not torch.equal(one.images, other.images)
    assert differing(before, guide.model.state_dict()) == []
    assert all(parameter.grad is None for parameter in guide.model.parameters())


def test_a_mix_inside_the_network_names_its_stage(guide, batch):
    sheet = mix_by_all({"Inside": Inside}, *batch, guide)
    ((name, mixed),) = sheet.rows
    assert name == "Inside\n(inside)"
    assert torch.equal(mixed.images, batch[0])
    assert sheet.notes == ["Inside mixes what the network makes of the images shown, after layer2."]


def test_labels_made_after_the_forward_pass_are_shown(guide, batch):
    backbone = dict(type="VisionTransformer", arch=TINY, img_size=16, patch_size=4)
    head = dict(type="DMVisionTransformerClsHead", num_classes=5, in_channels=8)
    with DefaultScope.overwrite_default_scope("dmmix"):
        model = MODELS.build(dict(type="MixupClassifier", backbone=backbone, head=head))
    sheet = mix_by_all({"After": After}, *batch, ClassifierGuide(model))
    ((_, mixed),) = sheet.rows
    assert torch.equal(mixed.labels.shares, torch.full((5, 2), 0.5))
    assert sheet.asked


def test_a_mix_that_does_not_go_with_the_model_becomes_a_note(guide, batch):
    mixes = {"Refuses": Refuses, "CutMix": CutMix}
    sheet = mix_by_all(mixes, *batch, guide)
    assert [name for name, _ in sheet.rows] == ["CutMix"]
    assert sheet.notes == ["Refuses is left out: no attention here"]
    assert not sheet.asked
    with pytest.raises(ValueError, match=r"^Refuses: no attention here$"):
        mix_by_all(mixes, *batch, guide, skip_errors=False)
