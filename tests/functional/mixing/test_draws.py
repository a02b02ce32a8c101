"""Shares, pairings and places: how they are distributed, and what they come from."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import draw_centers, draw_lam, draw_pairing
from tests.laws.data import generator


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 2.0, 10.0])
def test_lam_is_beta(alpha):
    stats = pytest.importorskip("scipy.stats")
    lam = draw_lam(20000, alpha, generator(1))
    assert lam.dtype == torch.float64
    assert lam.shape == (20000,)
    assert draw_lam(5, alpha, generator(), per_batch=True).shape == (1,)
    # Each half by itself: float64 has no numbers close enough to 1 for small alphas.
    low = lam <= 0.5
    assert low.sum().item() == pytest.approx(10000, abs=300)
    assert (
        stats.kstest(lam[low].numpy(), lambda x: 2 * stats.beta.cdf(x, alpha, alpha)).pvalue > 1e-3
    )
    high = (1 - lam[~low]).clamp_min(1e-12)
    both = lam[low].clamp_min(1e-12)
    assert stats.ks_2samp(both.numpy(), high.numpy()).pvalue > 1e-3


@pytest.mark.parametrize("alpha", [1e-320, 1e-9, 1e-3, 0.05, 1e8])
def test_lam_of_an_extreme_alpha_is_a_number(alpha):
    lam = draw_lam(10000, alpha, generator())
    assert bool(((lam >= 0) & (lam <= 1)).all())
    assert lam.mean().item() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("alpha", [0, -1.0, math.nan, math.inf])
def test_lam_of_a_bad_alpha(alpha):
    with pytest.raises(ValueError, match="alpha must be above 0 and finite, got"):
        draw_lam(3, alpha)


def test_centers_are_uniform():
    stats = pytest.importorskip("scipy.stats")
    assert draw_centers(5, generator(), per_batch=True).shape == (1, 2)
    centers = draw_centers(20000, generator(2))
    assert bool(((centers >= 0) & (centers < 1)).all())
    for axis in centers.T.numpy():
        assert stats.kstest(axis, "uniform").pvalue > 1e-3
    assert abs(torch.corrcoef(centers.T)[0, 1]) < 0.03


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 64])
def test_pairings_are_permutations(n):
    for seed in range(20):
        for fixed_points in (True, False):
            index = draw_pairing(n, generator(seed), fixed_points)
            assert torch.equal(index.sort().values, torch.arange(n))
        if n > 1:
            assert bool((index != torch.arange(n)).all())


def test_every_partner_is_as_likely():
    n, draws = 4, 6000
    for fixed_points in (True, False):
        g, counts = generator(), torch.zeros(n, n)
        for _ in range(draws):
            counts[torch.arange(n), draw_pairing(n, g, fixed_points)] += 1
        if fixed_points:
            expected = torch.full((n, n), draws / n)
        else:
            expected = (1 - torch.eye(n)) * draws / (n - 1)
        assert_close(counts, expected, rtol=0, atol=5 * math.sqrt(draws / n))
