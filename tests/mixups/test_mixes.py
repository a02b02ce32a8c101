"""Mixes in registries and in mmpretrain, and one of one's own."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.mixups import CutMix, Mixup, PairMix, RandomMix, build_mix
from dmmix.registry import MIXUPS
from tests.laws.data import batch, generator

BOTH = [dict(type="Mixup"), dict(type="CutMix")]


def test_a_mix_of_ones_own_is_a_few_lines():
    from dmmix.functional import mixing

    class Half(PairMix):
        def draw(self, n, size, generator):
            return self.draw_index(n, generator)

        def blend(self, images, labels, draws, answers=None):
            return mixing.mixup(images, labels, torch.tensor([0.5]), draws, check=False)

    images, labels = batch(8)
    assert bool((Half().mix(images, labels).labels.shares == 0.5).all())
    mixed = RandomMix([Half(), CutMix()], per_sample=True).mix(images, labels, generator())
    assert bool((mixed.labels.shares == 0.5).any())


@pytest.mark.openmmlab
def test_the_registry_finds_ours():
    from mmengine.registry import DefaultScope
    from mmpretrain.registry import BATCH_AUGMENTS

    config = dict(type="CutMix", alpha=0.3)
    assert type(MIXUPS.build(dict(config))) is CutMix
    assert type(BATCH_AUGMENTS.build(dict(config, type="dmmix.CutMix"))) is CutMix
    assert BATCH_AUGMENTS.get("dmmix.RandomMix") is RandomMix
    for scope in ("dmmix", "mmpretrain", "mmengine"):
        with DefaultScope.overwrite_default_scope(scope):
            assert type(build_mix(config)) is CutMix
            assert type(RandomMix([config]).mixups[0]) is CutMix
    assert config == dict(type="CutMix", alpha=0.3)
    mix = CutMix()
    assert build_mix(mix) is mix


@pytest.mark.openmmlab
def test_what_is_no_mix_of_ours_is_an_error():
    with pytest.raises(TypeError, match=r"expected a mix of dmmix, got mmpretrain\."):
        build_mix(dict(type="mmpretrain.CutMix", alpha=1.0))
    with pytest.raises(KeyError, match="NoSuchMix"):
        build_mix(dict(type="NoSuchMix"))
    with pytest.raises(TypeError, match="expected a mix of dmmix"):
        build_mix(None)


@pytest.mark.openmmlab
def test_a_stock_data_preprocessor_mixes():
    from mmpretrain.models import ClsDataPreprocessor
    from mmpretrain.structures import DataSample

    preprocess = ClsDataPreprocessor(
        num_classes=10,
        batch_augments=dict(augments=dict(type="dmmix.RandomMix", mixups=BOTH), probs=None),
    )
    samples = [DataSample().set_gt_label(i) for i in range(4)]
    images = [torch.zeros(3, 8, 8, dtype=torch.uint8) + 60 * i for i in range(4)]
    out = preprocess(dict(inputs=images, data_samples=samples), training=True)
    for image, sample in zip(out["inputs"], out["data_samples"], strict=True):
        expected = (sample.gt_score * 60 * torch.arange(10)).sum()
        assert_close(image.mean(), expected, rtol=1e-4, atol=1e-3)


def test_labels_of_another_shape_in_a_call():
    with pytest.raises(TypeError, match="labels must be MixedLabels"):
        Mixup()(torch.randn(4, 3, 8, 8), torch.zeros(4, 2, 2, dtype=torch.long))


@pytest.mark.parametrize("name", ["apply", "needs_guide", "mixes_features"])
def test_a_mix_of_ones_own_of_before_is_told_what_is_called_today(name):
    with pytest.raises(TypeError, match=f"Mine.{name} is of dmmix up to 0.2: "):
        type("Mine", (CutMix,), {name: True})
