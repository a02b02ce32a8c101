"""GuidedMixup, registered: which saliency, which pairing, whom it asks."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import MixedLabels, greedy_pairing, smooth_saliency
from dmmix.functional.saliency import spectral_residual_saliency
from dmmix.mixups import CutMix, GuidedMixup, RandomMix
from dmmix.testing import assert_labels_match_pixels
from tests.mixups.small_model import left_alone, small_guide, small_model
from tests.mixups.waits import Waits
from tests.pairwise import pairwise

MODEL = small_model(classes=8)
BOTH = ["gradient", "spectral_residual"]
both = pytest.mark.parametrize("saliency", BOTH)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=8, size=(14, 21), dtype=torch.float32):
    return torch.randn(n, 3, *size, generator=generator(9)).to(dtype), torch.arange(n) % 8


def mixed_by(mix, seed=0, given=None, model=MODEL):
    images, labels = given or batch()
    return mix.mix(images, labels, generator(seed), small_guide(model))


@both
def test_the_pairing_is_used_for_images_labels_and_mask(saliency):
    images, labels = batch()
    mixed = mixed_by(GuidedMixup(saliency=saliency))
    if saliency == "gradient":
        raw = small_guide(MODEL).saliency(images, labels)
    else:
        raw = spectral_residual_saliency(images)
    seen = smooth_saliency(raw, 7, 3.0)
    index = greedy_pairing(seen)
    assert not torch.equal(index, torch.arange(8))
    assert torch.equal(mixed.labels.classes[:, 1], labels[index])
    seen = seen / seen.sum((1, 2), keepdim=True)
    mask = (seen / (seen + seen[index]))[:, None]
    assert_close(mixed.mask, mask)
    assert_close(mixed.images, mask * images + (1 - mask) * images[index])
    assert_close(mixed.labels.shares[:, 0], mask.mean((1, 2, 3)))


def test_the_paper_is_the_default():
    mix = GuidedMixup()
    assert (mix.alpha, mix.saliency, mix.pairing) == (None, "gradient", "greedy")
    assert (mix.kernel_size, mix.sigma) == (7, 3.0)
    a, b = mixed_by(mix, 0), mixed_by(mix, 1)
    assert torch.equal(a.images, b.images)  # nothing is drawn


def test_options():
    plain = mixed_by(GuidedMixup())
    assert not torch.equal(plain.mask, mixed_by(GuidedMixup(kernel_size=1)).mask)
    assert not torch.equal(plain.mask, mixed_by(GuidedMixup(sigma=1.0)).mask)
    pairings = [mixed_by(GuidedMixup(pairing="random"), s).labels.classes for s in range(20)]
    assert any((c[:, 0] == c[:, 1]).any() for c in pairings)
    without = GuidedMixup(pairing="random", fixed_points=False)
    for seed in range(20):
        classes = mixed_by(without, seed).labels.classes
        assert not (classes[:, 0] == classes[:, 1]).any()


def test_alpha_draws_lam():
    n = 300
    images, labels = torch.zeros(n, 3, 4, 4), torch.arange(n) % 8  # nothing is salient
    mix = GuidedMixup(alpha=2.0, saliency="spectral_residual", pairing="random")
    shares = mix.mix(images, labels, generator()).labels.shares[:, 0]
    # Beta(2, 2): mean 1/2, standard deviation sqrt(1/20).
    assert abs(shares.mean() - 0.5) < 0.06
    assert abs(shares.std() - 0.05**0.5) < 0.03
    once = GuidedMixup(alpha=2.0, per_batch=True, saliency="spectral_residual")
    assert once.mix(images, labels, generator()).labels.shares.unique(dim=0).shape[0] == 1


@both
@pytest.mark.parametrize(
    *pairwise(size=[(8, 8), (5, 9), (13, 6)], n=[1, 2, 7], dtype=[torch.float32, torch.bfloat16])
)
def test_labels_match_pixels(saliency, size, n, dtype):
    for content in (1, 3):
        model = small_model(n + content, classes=8, dtype=dtype)
        for options in ({}, dict(alpha=1.0, pairing="random")):

            def mix(images, labels, model=model, options=options):
                mix = GuidedMixup(saliency=saliency, **options)
                return mix.mix(images, labels, generator(n), small_guide(model))

            for layout in (torch.contiguous_format, torch.channels_last):
                assert_labels_match_pixels(
                    mix, n, size, content=content, dtype=dtype, memory_format=layout,
                    atol=1e-5 if dtype == torch.float32 else 2**-8,
                )  # fmt: skip


@both
def test_inputs_are_untouched_and_a_generator_decides(saliency):
    images, labels = batch()
    copy, mix = images.clone(), GuidedMixup(alpha=1.0, saliency=saliency, pairing="random")
    for some in (labels, torch.eye(8), MixedLabels.from_labels(labels)):
        a, b = (mixed_by(mix, 1, (images, some)) for _ in range(2))
        assert torch.equal(a.images, b.images)
        assert a.images.data_ptr() != images.data_ptr()
        assert not torch.equal(a.images, mixed_by(mix, 2, (images, some)).images)
    assert torch.equal(images, copy)
    assert images._version == 0


@both
def test_dense_labels_agree_with_sparse_ones(saliency):
    images, _ = batch()
    mix = GuidedMixup(saliency=saliency)
    sparse, dense = mixed_by(mix), mixed_by(mix, 0, (images, torch.eye(8)))
    assert_close(sparse.images, dense.images)
    assert_close(dense.labels, sparse.labels.dense(8))


def test_what_it_does_itself_does_not_wait_for_the_device():
    guide, (images, labels) = small_guide(MODEL), batch()
    for some in (labels, torch.eye(8), MixedLabels.from_labels(labels)):
        for saliency in BOTH:
            with Waits() as waits:
                GuidedMixup(saliency=saliency).mix(images, some, generator(), guide)
            assert waits.found == []


@pytest.mark.parametrize("grad", [True, False])
def test_the_model_is_left_alone(grad):
    model = small_model(classes=8)
    with left_alone(model), torch.set_grad_enabled(grad):
        mixed = mixed_by(GuidedMixup(), model=model)
    assert not mixed.images.requires_grad


@both
def test_under_autocast(saliency):
    with torch.autocast("cpu", torch.bfloat16):
        mixed = mixed_by(GuidedMixup(saliency=saliency))
    assert mixed.images.dtype == torch.float32
    mixed.labels.validate(8)


@both
def test_in_a_random_mix(saliency):
    mix = RandomMix([GuidedMixup(saliency=saliency), CutMix()], per_sample=True)
    assert mix.needs_guide == (saliency == "gradient")
    mixed_by(mix).labels.validate(8)


def test_only_the_gradient_needs_a_guide():
    with pytest.raises(ValueError, match=r"GuidedMixup asks the model .* needs a guide"):
        GuidedMixup().mix(*batch(), generator())
    images, _ = batch()
    inputs, scores = GuidedMixup(saliency="spectral_residual")(images, torch.eye(8))
    assert inputs.shape == images.shape
    assert_close(scores.sum(1), torch.ones(8))
