"""SmoothMix, registered."""

import math

import pytest
import torch

from dmmix.functional import draw_centers, draw_lam, draw_pairing, draw_sigma, smoothmix
from dmmix.mixups import RandomMix, SmoothMix
from dmmix.testing import assert_labels_match_pixels
from tests.mixups.waits import Waits

KINDS = [
    SmoothMix(),
    SmoothMix(per_batch=True),
    SmoothMix(alpha=1),
    SmoothMix(alpha=0.5, per_batch=True),
    SmoothMix(sigma=[0.05, 0.1], fixed_points=False),
]
every_kind = pytest.mark.parametrize("mix", KINDS, ids=repr)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=8, ch=3, size=(9, 14)):
    return torch.randn(n, ch, *size, generator=generator(9)), torch.arange(n)


def test_it_is_the_function_with_draws():
    images, labels = batch()
    mixed = SmoothMix().mix(images, labels, generator(4))
    g = generator(4)
    sigma, index, centers = draw_sigma(8, generator=g), draw_pairing(8, g), draw_centers(8, g)
    expected = smoothmix(images, labels, None, index, centers, sigma=sigma)
    assert torch.equal(mixed.images, expected.images)
    assert torch.equal(mixed.labels.shares, expected.labels.shares)
    mixed = SmoothMix(alpha=0.5).mix(images, labels, generator(4))
    g = generator(4)
    lam, index, centers = draw_lam(8, 0.5, g), draw_pairing(8, g), draw_centers(8, g)
    expected = smoothmix(images, labels, lam, index, centers)
    assert torch.equal(mixed.images, expected.images)


@every_kind
@pytest.mark.parametrize("n", [1, 2, 7])
def test_provenance(mix, n):
    for size in [(8, 8), (5, 9), (13, 6)]:
        for channels in (None, 1, 3):
            assert_labels_match_pixels(
                lambda x, y: mix.mix(x, y, generator(2)), n, size, channels=channels, atol=1e-5
            )


@every_kind
def test_one_spot_a_batch_or_one_a_sample(mix):
    mixed = mix.mix(*batch(), generator())
    masks = mixed.mask.unique(dim=0).shape[0]
    shares = mixed.labels.shares.unique(dim=0).shape[0]
    assert (masks, shares) == ((1, 1) if mix.per_batch else (8, 8))


@every_kind
def test_nothing_waits_and_a_generator_decides(mix):
    images, labels = batch()
    before, state = images.clone(), torch.get_rng_state()
    with Waits() as waits:
        a = mix.mix(images, labels, generator(1))
    assert waits.found == []
    b, c = mix.mix(images, labels, generator(1)), mix.mix(images, labels, generator(2))
    assert torch.equal(a.images, b.images)
    assert not torch.equal(a.images, c.images)
    assert torch.equal(images, before)
    assert torch.equal(state, torch.get_rng_state())


def test_spots_are_as_wide_and_as_placed_as_the_paper_says():
    """Against the mean of the Gaussian over the unit square, with the paper's draws."""
    stats = pytest.importorskip("scipy.stats")
    images, labels = torch.zeros(1500, 1, 40, 60), torch.arange(1500)
    share = SmoothMix().mix(images, labels, generator()).labels.shares[:, 1]
    sigma = 0.25 + 0.25 * torch.rand(1500, 1, generator=generator(1))
    centers = torch.rand(1500, 2, generator=generator(2))
    edge = math.sqrt(0.5) / sigma
    sides = (
        sigma * math.sqrt(math.pi / 2) * ((edge * centers).erf() + (edge - edge * centers).erf())
    )
    assert stats.ks_2samp(share, sides.prod(1)).pvalue > 1e-3


def test_lam_is_beta():
    stats = pytest.importorskip("scipy.stats")
    images, labels = torch.zeros(1500, 1, 24, 24), torch.arange(1500)
    share = SmoothMix(alpha=1).mix(images, labels, generator()).labels.shares[:, 0]
    assert stats.kstest(share, "uniform").pvalue > 1e-3


def test_among_others():
    images, labels = batch()
    mix = RandomMix([dict(type="SmoothMix"), dict(type="CutMix")], per_sample=True, fraction=0.7)
    assert mix.mix(images, labels, generator()).labels.classes.shape == (8, 2)
    assert_labels_match_pixels(lambda x, y: mix.mix(x, y, generator(2)), 7, (5, 9), atol=1e-5)
