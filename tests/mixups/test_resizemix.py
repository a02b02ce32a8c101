"""ResizeMix, registered."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import MixedLabels
from dmmix.mixups import CutMix, RandomMix, ResizeMix, build_mix
from dmmix.testing import assert_labels_match_pixels
from tests.mixups.waits import Waits


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=8, ch=3, size=(8, 10), dtype=torch.float32):
    return torch.randn(n, ch, *size, generator=generator(9)).to(dtype), torch.arange(n)


def tau_of(mixed):
    """The sides of the boxes as a part of the sides of the image, (n, 2)."""
    pasted = ~mixed.mask[:, 0]
    return torch.stack([pasted.any(2).float().mean(1), pasted.any(1).float().mean(1)], 1)


@pytest.mark.parametrize("per_batch", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("size", [(8, 8), (5, 9), (13, 6)])
def test_provenance(size, n, dtype, per_batch):
    mix = ResizeMix(per_batch=per_batch)
    for memory_format in (torch.contiguous_format, torch.channels_last):
        assert_labels_match_pixels(
            lambda x, y: mix.mix(x, y, generator(n)),
            n,
            size,
            dtype=dtype,
            memory_format=memory_format,
            atol=1e-6,
        )


def test_scales_are_uniform_as_in_the_paper():
    stats = pytest.importorskip("scipy.stats")
    n, size = 1500, (64, 96)
    mixed = ResizeMix().mix(torch.zeros(n, 1, *size), torch.zeros(n).long(), generator(3))
    tau = tau_of(mixed)
    # Both sides have the same scale, up to half a pixel each.
    assert (tau[:, 0] - tau[:, 1]).abs().max() <= 0.5 / 64 + 0.5 / 96 + 1e-6
    # Spread over half a pixel to either side, so that rounding does not show.
    spread = torch.rand(n, generator=generator(4)) - 0.5
    fine = (tau[:, 1] + spread / 96).double().numpy()
    assert stats.kstest(fine, "uniform", (0.1, 0.7)).pvalue > 1e-3


def test_scale_and_alpha():
    n, size = 300, (50, 100)
    images, labels = torch.zeros(n, 1, *size), torch.zeros(n).long()
    tau = tau_of(ResizeMix(scale=(0.3, 0.5)).mix(images, labels, generator()))[:, 1]
    assert tau.min() >= 0.295
    assert tau.max() <= 0.505
    assert tau.max() - tau.min() > 0.15
    tau = tau_of(ResizeMix(alpha=200.0).mix(images, labels, generator()))[:, 1]
    assert (tau - 0.45).abs().max() < 0.1  # near the middle of 0.1 and 0.8
    assert tau_of(ResizeMix(scale=(1, 1)).mix(images, labels, generator())).min() == 1


def test_one_a_batch_and_one_a_sample():
    images, labels = batch(8, 3, (40, 50))
    mixed = ResizeMix(per_batch=True).mix(images, labels, generator())
    assert mixed.mask.float().unique(dim=0).shape[0] == 1
    assert mixed.labels.shares.unique(dim=0).shape[0] == 1
    mixed = ResizeMix().mix(images, labels, generator())
    assert mixed.mask.float().unique(dim=0).shape[0] == 8


def test_nobody_is_paired_with_itself():
    images, labels = batch()
    for seed in range(10):
        classes = ResizeMix(fixed_points=False).mix(images, labels, generator(seed)).labels.classes
        assert not (classes[:, 0] == classes[:, 1]).any()


def test_inputs_are_untouched_and_a_generator_decides():
    images, labels = batch()
    mix = ResizeMix()
    for some in (labels, torch.eye(8), MixedLabels.from_labels(labels)):
        before = images.clone(), images._version
        a, b = (mix.mix(images, some, generator(1)) for _ in range(2))
        assert torch.equal(images, before[0])
        assert images._version == before[1]
        assert torch.equal(a.images, b.images)
    assert not torch.equal(mix.mix(images, labels, generator(2)).images, a.images)


def test_dense_labels_agree_with_sparse_ones():
    images, labels = batch()
    sparse = ResizeMix().mix(images, labels, generator(2))
    dense = ResizeMix().mix(images, torch.eye(8), generator(2))
    assert_close(dense.labels, sparse.labels.dense(8))


def test_a_member_of_random_mix():
    mix = RandomMix([dict(type="ResizeMix"), CutMix()], per_sample=True)
    assert type(mix.mixups[0]) is ResizeMix
    assert_labels_match_pixels(lambda x, y: mix.mix(x, y, generator(1)), atol=1e-6)


def test_nothing_waits_for_the_device():
    images, labels = batch()
    with Waits() as waits:
        ResizeMix().mix(images, labels, generator())
    assert waits.found == []


def test_it_builds_from_its_config():
    mix = build_mix(dict(type="ResizeMix", scale=[0.2, 0.6]))
    assert repr(mix) == (
        "ResizeMix(alpha=1.0, per_batch=False, fixed_points=True, scale=(0.2, 0.6))"
    )
