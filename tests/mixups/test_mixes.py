"""Registered mixes: options, determinism, no waiting, and mmpretrain's protocol."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import MixedLabels
from dmmix.mixups import (
    CutMix,
    FMix,
    GridMix,
    Mix,
    Mixup,
    RandomMix,
    ResizeMix,
    SaliencyMix,
    SmoothMix,
    build_mix,
)
from dmmix.registry import MIXUPS
from tests.functional import mixing_reference as reference
from tests.mixups.waits import Waits
from tests.pairwise import pairwise

BOTH = [dict(type="Mixup"), dict(type="CutMix")]
MIXES = {
    "mixup": Mixup(),
    "mixup, one a batch": Mixup(per_batch=True),
    "cutmix": CutMix(),
    "cutmix, bounded": CutMix(min_area=0.1, max_area=0.6, fixed_points=False),
    "resizemix": ResizeMix(),
    "fmix": FMix(),
    "gridmix": GridMix(),
    "saliencymix": SaliencyMix(),
    "saliencymix, spectral": SaliencyMix(saliency="spectral_residual"),
    "smoothmix": SmoothMix(),
    "random": RandomMix(BOTH),
    "random, sparse": RandomMix(BOTH, probs=[0.3, 0.3], per_sample=True, fraction=0.7),
    "random, nested": RandomMix([dict(type="RandomMix", mixups=BOTH), CutMix()], per_sample=True),
}
every_mix = pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES.keys())


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=8, ch=3, size=(8, 10), dtype=torch.float32):
    return torch.randn(n, ch, *size, generator=generator(9)).to(dtype), torch.arange(n)


@every_mix
@pytest.mark.parametrize(
    *pairwise(
        n=[1, 7],
        layout=reference.LAYOUTS,
        dtype=[torch.float32, torch.float64, torch.bfloat16],
    )
)
def test_provenance(mix, n, layout, dtype):
    shape, labels = (n, 3, 6, 9), torch.arange(n)
    for seed in range(3):
        found = reference.provenance(
            lambda x, seed=seed: mix.mix(x, labels, generator(seed)).images, shape, dtype, layout
        )
        mixed = mix.mix(torch.zeros(shape, dtype=dtype), labels, generator(seed))
        tolerance = 2**-8 if dtype == torch.bfloat16 else 1e-6
        assert_close(mixed.labels.dense(n).double(), found, rtol=0, atol=tolerance)
        mean = mixed.mask.double().expand(n, 1, 6, 9).mean((1, 2, 3))
        assert_close(mixed.labels.shares[:, 0].double(), mean, rtol=0, atol=1e-6)


@every_mix
def test_inputs_are_untouched_and_a_generator_decides(mix):
    images, labels = batch()
    for some in (labels, torch.eye(8), MixedLabels.from_labels(labels)):
        before = images.clone(), images._version
        a, b = (mix.mix(images, some, generator(1)) for _ in range(2))
        assert torch.equal(images, before[0])
        assert images._version == before[1]
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.mask, b.mask)
    assert any(
        not torch.equal(mix.mix(images, labels, generator(s)).images, a.images) for s in range(2, 9)
    )


@every_mix
def test_dense_labels_agree_with_sparse_ones(mix):
    images, labels = batch()
    sparse = mix.mix(images, labels, generator(2))
    dense = mix.mix(images, torch.eye(8), generator(2))
    assert torch.equal(sparse.images, dense.images)
    assert sparse.labels.classes.shape == (8, 2)
    assert_close(dense.labels, sparse.labels.dense(8))


@every_mix
def test_steps_repeat_and_ranks_differ(mix, runner, monkeypatch):
    from dmmix import registry

    images, labels = batch()

    def run(seed, rank):
        monkeypatch.setattr(registry, "get_rank", lambda: rank)
        out = []
        for step in range(6):
            runner(seed=seed, iter=step)
            out.append(mix.mix(images, labels).images)
            torch.rand(3)  # what others draw does not matter
        return torch.stack(out)

    assert torch.equal(run(1, 0), run(1, 0))
    assert not torch.equal(run(1, 0), run(1, 1))
    assert not torch.equal(run(1, 0), run(2, 0))


@every_mix
def test_nothing_waits_for_the_device(mix, runner):
    images, labels = batch()
    for some in (labels, torch.eye(8), MixedLabels.from_labels(labels)):
        for step in range(5):
            runner(iter=step)
            with Waits() as waits:
                mix.mix(images, some)
            assert waits.found == []
    with Waits() as waits:
        mix(images, torch.eye(8).long())
    assert waits.found == []


def test_what_waits_is_noticed():
    with Waits() as waits:
        x = torch.rand(3)
        x[x > 0.5]
        float(x[0])
        x.nonzero()
    assert {"index with a mask", "_local_scalar_dense", "nonzero"} <= set(waits.found)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@every_mix
def test_cuda_gives_what_the_cpu_gives_without_waiting(mix):
    images, labels = batch()
    there = images.cuda(), labels.cuda()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        got = [mix.mix(*there, generator(seed)) for seed in range(5)]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for seed, mixed in enumerate(got):
        expected = mix.mix(images, labels, generator(seed))
        assert_close(mixed.images.cpu(), expected.images)
        assert_close(mixed.labels.shares.cpu(), expected.labels.shares)
        assert torch.equal(mixed.labels.classes.cpu(), expected.labels.classes)


# -- options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Mixup, CutMix])
def test_per_batch(kind):
    images, labels = batch()
    mixed = kind(per_batch=True).mix(images, labels, generator())
    assert mixed.labels.shares.unique(dim=0).shape[0] == 1
    assert mixed.mask.float().unique(dim=0).shape[0] == 1
    mixed = kind().mix(images, labels, generator())
    assert mixed.labels.shares.unique(dim=0).shape[0] > 4


@pytest.mark.parametrize("kind", [Mixup, CutMix])
def test_fixed_points(kind):
    images, labels = batch()
    with_some = [kind().mix(images, labels, generator(s)).labels.classes for s in range(20)]
    assert any((c[:, 0] == c[:, 1]).any() for c in with_some)
    without = kind(fixed_points=False)
    for seed in range(20):
        classes = without.mix(images, labels, generator(seed)).labels.classes
        assert not (classes[:, 0] == classes[:, 1]).any()


def test_cutmix_keeps_its_bounds_up_to_pixels():
    images, labels = batch(200, 1, (40, 60))
    pixel = 0.5 / 40 + 0.5 / 60 + 0.25 / 2400
    for low, high in [(0.2, 0.5), (0.3, 1.0), (0.0, 0.3), (0.25, 0.25)]:
        mix = CutMix(alpha=0.5, min_area=low, max_area=high)
        pasted = mix.mix(images, labels, generator()).labels.shares[:, 1]
        assert pasted.min() >= low - pixel
        assert pasted.max() <= high + pixel


@every_mix
def test_bytes_are_no_images(mix):
    with pytest.raises(TypeError, match=r"images must be floating point, got torch\.uint8"):
        mix.mix(torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.arange(2), generator())


def test_a_mix_of_ones_own_is_a_few_lines():
    from dmmix.functional import mixing

    class Half(Mix):
        def apply(self, images, labels, generator, guide):
            index = mixing.draw_pairing(len(images), generator)
            lam = torch.full((len(images),), 0.5)
            return mixing.mixup(images, labels, lam, index, check=False)

    images, labels = batch()
    assert bool((Half().mix(images, labels).labels.shares == 0.5).all())
    mixed = RandomMix([Half(), CutMix()], per_sample=True).mix(images, labels, generator())
    assert bool((mixed.labels.shares == 0.5).any())


def test_repr_tells_the_options():
    assert repr(Mixup(alpha=0.2)) == "Mixup(alpha=0.2, per_batch=False, fixed_points=True)"


# -- registry and mmpretrain -----------------------------------------------------------------------


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
@pytest.mark.parametrize("kind", ["CutMix", "Mixup"])
@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_mmpretrain_takes_them_as_batch_augments(kind, dtype):
    from mmpretrain.models import RandomBatchAugment

    augment = RandomBatchAugment(dict(type=f"dmmix.{kind}", alpha=1.0))
    images = torch.randn(6, 3, 8, 8)
    inputs, scores = augment(images, torch.eye(6).to(dtype))
    assert inputs.shape == images.shape
    assert scores.dtype == torch.float32
    assert_close(scores.sum(1), torch.ones(6))
    assert not torch.equal(inputs, images)


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


@pytest.mark.parametrize("mix", [Mixup(), CutMix(), RandomMix(BOTH)], ids=repr)
def test_integer_labels_in_a_call(mix):
    """timm's and torchvision's loops give (N,) integers, which were refused."""
    images = torch.randn(6, 3, 8, 8)
    torch.manual_seed(3)
    inputs, labels = mix(images, torch.arange(6))
    torch.manual_seed(3)
    dense_inputs, scores = mix(images, torch.eye(6))
    assert isinstance(labels, MixedLabels)
    assert torch.equal(inputs, dense_inputs)
    assert_close(labels.dense(6), scores)
    again = mix(images, MixedLabels.from_labels(torch.arange(6)))[1]
    assert isinstance(again, MixedLabels)


def test_labels_of_another_shape_in_a_call():
    with pytest.raises(TypeError, match="labels must be MixedLabels"):
        Mixup()(torch.randn(4, 3, 8, 8), torch.zeros(4, 2, 2, dtype=torch.long))
