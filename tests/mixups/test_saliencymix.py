"""SaliencyMix, registered."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import MixedLabels, draw_lam, draw_pairing, saliencymix
from dmmix.mixups import CutMix, RandomMix, SaliencyMix, build_mix
from dmmix.testing import assert_labels_match_pixels
from tests.mixups.waits import Waits

SALIENCIES = ["fine_grained", "spectral_residual"]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=8, ch=3, size=(8, 10), dtype=torch.float32):
    return torch.randn(n, ch, *size, generator=generator(9)).to(dtype), torch.arange(n)


@pytest.mark.parametrize("saliency", SALIENCIES)
@pytest.mark.parametrize("per_batch", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("size", [(8, 8), (5, 9), (13, 6)])
def test_provenance(size, n, dtype, per_batch, saliency):
    mix = SaliencyMix(per_batch=per_batch, saliency=saliency)
    for memory_format in (torch.contiguous_format, torch.channels_last):
        assert_labels_match_pixels(
            lambda x, y: mix.mix(x, y, generator(n)),
            n,
            size,
            content=3,
            dtype=dtype,
            memory_format=memory_format,
            atol=1e-6,
        )


@pytest.mark.parametrize("per_batch", [False, True])
def test_lam_is_beta(per_batch):
    images, labels = batch(8, 3, (30, 40))
    mixed = SaliencyMix(0.5, per_batch).mix(images, labels, generator(5))
    g = generator(5)
    lam, index = draw_lam(8, 0.5, g, per_batch), draw_pairing(8, g)
    expected = saliencymix(images, labels, lam, index)
    assert torch.equal(mixed.images, expected.images)
    assert torch.equal(mixed.labels.shares, expected.labels.shares)


def test_one_share_a_batch_has_a_place_for_each_sample():
    images, labels = batch(8, 3, (60, 80))
    mixed = SaliencyMix(alpha=50.0, per_batch=True).mix(images, labels, generator(1))
    lam = draw_lam(8, 50.0, generator(1), per_batch=True)[0].item()
    pasted = ~mixed.mask[:, 0]
    heights, widths = pasted.any(2).sum(1), pasted.any(1).sum(1)
    # Where nothing is clipped all boxes have the one size.
    assert heights.max() == round((1 - lam) ** 0.5 * 60)
    assert widths.max() == round((1 - lam) ** 0.5 * 80)
    assert mixed.mask.float().unique(dim=0).shape[0] > 4


def test_one_share_a_sample():
    images, labels = batch()
    shares = SaliencyMix().mix(images, labels, generator(1)).labels.shares
    assert shares.unique(dim=0).shape[0] > 4


def test_nobody_is_paired_with_itself():
    images, labels = batch()
    for seed in range(10):
        mix = SaliencyMix(fixed_points=False)
        classes = mix.mix(images, labels, generator(seed)).labels.classes
        assert not (classes[:, 0] == classes[:, 1]).any()


def test_inputs_are_untouched_and_a_generator_decides():
    images, labels = batch()
    mix = SaliencyMix()
    for some in (labels, torch.eye(8), MixedLabels.from_labels(labels)):
        before = images.clone(), images._version
        a, b = (mix.mix(images, some, generator(1)) for _ in range(2))
        assert torch.equal(images, before[0])
        assert images._version == before[1]
        assert torch.equal(a.images, b.images)
    assert not torch.equal(mix.mix(images, labels, generator(2)).images, a.images)


def test_dense_labels_agree_with_sparse_ones():
    images, labels = batch()
    sparse = SaliencyMix().mix(images, labels, generator(2))
    dense = SaliencyMix().mix(images, torch.eye(8), generator(2))
    assert_close(dense.labels, sparse.labels.dense(8))


def test_the_saliency_that_is_named_is_used():
    images, labels = batch(8, 3, (30, 40))
    masks = [
        SaliencyMix(saliency=name).mix(images, labels, generator(3)).mask for name in SALIENCIES
    ]
    assert not torch.equal(*masks)


def test_a_member_of_random_mix():
    mix = RandomMix([dict(type="SaliencyMix"), CutMix()], per_sample=True)
    assert type(mix.mixups[0]) is SaliencyMix
    assert_labels_match_pixels(lambda x, y: mix.mix(x, y, generator(1)), content=3, atol=1e-6)


@pytest.mark.parametrize("saliency", SALIENCIES)
def test_nothing_waits_for_the_device(saliency):
    images, labels = batch()
    with Waits() as waits:
        SaliencyMix(saliency=saliency).mix(images, labels, generator())
    assert waits.found == []


def test_it_builds_from_its_config():
    assert repr(build_mix(dict(type="SaliencyMix", alpha=0.2))) == (
        "SaliencyMix(alpha=0.2, per_batch=False, fixed_points=True, saliency='fine_grained')"
    )
