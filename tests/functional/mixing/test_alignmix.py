"""Aligned features against a loop of Sinkhorn's algorithm, and against the best permutation."""

import itertools
import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import align_features, draw_lam, draw_pairing, sinkhorn_assignment
from tests.laws.data import generator, images_in


def draws(n, seed=0):
    g = generator(seed)
    return draw_lam(n, 2.0, g), draw_pairing(n, g), torch.rand(n, generator=g) < 0.5


def maps(n, size, width=3, scale=0.4, dtype=torch.float64, seed=5):
    return (torch.randn(n, width, *size, generator=generator(seed)) * scale).to(dtype)


def sinkhorn_loop(cost, epsilon, iterations):
    """Rows and columns of exp(-C / epsilon) scaled in turn until they sum to 1, in plain floats."""
    r = len(cost)
    kernel = [[math.exp(-cost[i][j] / epsilon) for j in range(r)] for i in range(r)]
    row = [1.0] * r
    for _ in range(iterations):
        column = [1 / sum(kernel[i][j] * row[i] for i in range(r)) for j in range(r)]
        row = [1 / sum(kernel[i][j] * column[j] for j in range(r)) for i in range(r)]
    return [[row[i] * kernel[i][j] * column[j] for j in range(r)] for i in range(r)]


def align_loop(features, lam, index, keep, epsilon, iterations):
    """One sample, place and channel after the other."""
    n, width, height, w = features.shape
    flat = features.flatten(2)
    mixed = torch.empty_like(flat)
    for i, (share, j, first) in enumerate(
        zip(lam.tolist(), index.tolist(), keep.tolist(), strict=True)
    ):
        if i == j:
            mixed[i] = flat[i]
            continue
        kept, moved = (flat[i], flat[j]) if first else (flat[j], flat[i])
        share = share if first else 1 - share
        a, b = kept.T.tolist(), moved.T.tolist()
        cost = [[math.dist(x, y) ** 2 for y in b] for x in a]
        rows = sinkhorn_loop(cost, epsilon, iterations)
        for place in range(height * w):
            for c in range(width):
                laid = sum(weight * b[q][c] for q, weight in enumerate(rows[place]))
                mixed[i, c, place] = share * a[place][c] + (1 - share) * laid
    return mixed.view(n, width, height, w)


@pytest.mark.parametrize(("epsilon", "iterations"), [(0.1, 100), (0.05, 30), (1.0, 3), (0.1, 1)])
@pytest.mark.parametrize(("n", "size"), [(1, (2, 2)), (2, (3, 3)), (7, (2, 4)), (5, (4, 1))])
def test_it_is_the_loop_from_the_paper(n, size, epsilon, iterations):
    features = images_in("channels_last", maps(n, size))
    before = features.clone(), features._version
    options = dict(epsilon=epsilon, iterations=iterations)
    lam, index, keep = draws(n)
    got = align_features(features, lam, index, keep, **options)
    assert_close(got, align_loop(features, lam, index, keep, **options))
    assert torch.equal(features, before[0])
    assert features._version == before[1]


def test_a_small_epsilon_finds_the_best_permutation():
    cost = torch.rand(20, 4, 4, dtype=torch.float64, generator=generator())
    rows = sinkhorn_assignment(cost, 0.002, 4000)
    for i in range(20):
        best = min(
            itertools.permutations(range(4)),
            key=lambda p, i=i: sum(float(cost[i, row, p[row]]) for row in range(4)),
        )
        assert rows[i].argmax(1).tolist() == list(best)


@pytest.mark.parametrize("keep", [True, False])
def test_places_of_a_shuffled_map_are_found_again(keep):
    """The partner is the same map with its places shuffled; laid over, it is the map itself."""
    first = maps(1, (3, 4), width=6, scale=2)
    order = torch.randperm(12, generator=generator())
    second = first.flatten(2)[..., order].view_as(first)
    features = torch.cat([first, second])
    lam = torch.tensor([0.3, 0.8], dtype=torch.float64)
    mixed = align_features(features, lam, torch.tensor([1, 0]), torch.full((2,), keep))
    expected = features if keep else features.flip(0)
    assert_close(mixed, expected, rtol=0, atol=1e-6)
    plain = lam.view(2, 1, 1, 1) * features + (1 - lam.view(2, 1, 1, 1)) * features.flip(0)
    assert float((plain - expected).abs().max()) > 0.5


def test_rows_sum_to_one_and_columns_as_it_converges():
    cost = torch.rand(5, 9, 9, dtype=torch.float64, generator=generator()) * 3
    rows = sinkhorn_assignment(cost)
    ones = torch.ones(5, 9, dtype=torch.float64)
    assert_close(rows.sum(2), ones)
    assert_close(rows.sum(1), ones, rtol=0, atol=0.05)
    assert_close(sinkhorn_assignment(cost, 0.1, 3000).sum(1), ones, rtol=0, atol=1e-5)
    assert_close(sinkhorn_assignment(cost, 0.1, 1).sum(2), ones)


def test_a_sample_with_itself_or_all_of_one_stays_as_it_is():
    features = maps(4, (2, 3), dtype=torch.float32)
    lam, _, keep = draws(4)
    assert torch.equal(align_features(features, lam, torch.arange(4), keep), features)
    index, kept = torch.arange(4).roll(1), torch.ones(4, dtype=torch.bool)
    assert torch.equal(align_features(features, torch.ones(4), index, kept), features)
    assert torch.equal(align_features(features, torch.zeros(4), index, ~kept), features[index])


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0, 1e3])
def test_no_scale_of_the_features_overflows(scale):
    lam, index, keep = draws(5)
    for dtype in (torch.float32, torch.bfloat16):
        mixed = align_features(maps(5, (3, 3), scale=scale, dtype=dtype), lam, index, keep)
        assert mixed.dtype == dtype
        assert bool(torch.isfinite(mixed).all())
    rows = sinkhorn_assignment(torch.rand(3, 9, 9) * scale * 100)
    assert_close(rows.sum(2), torch.ones(3, 9))


def test_narrow_features_and_autocast():
    lam, index, keep = draws(5)
    features = maps(5, (3, 3))
    exact = align_features(features, lam, index, keep)
    with torch.autocast("cpu", torch.bfloat16):
        wide = align_features(features.float(), lam, index, keep)
    assert wide.dtype == torch.float32
    assert_close(wide.double(), exact, rtol=0, atol=1e-4)
    narrow = align_features(features.bfloat16(), lam, index, keep)
    assert_close(narrow.double(), exact, rtol=0, atol=2e-2)


def test_gradients_reach_both_samples_and_not_the_assignment():
    features = maps(3, (2, 2)).requires_grad_()
    lam, index = torch.tensor([0.3, 0.6, 0.9], dtype=torch.float64), torch.arange(3).roll(1)
    keep = torch.tensor([True, False, True])
    (gradient,) = torch.autograd.grad(align_features(features, lam, index, keep).sum(), features)
    # A row of R sums to 1, a column nearly: with R fixed, each place counts for what it gives.
    share = lam + (1 - lam)[index.argsort()]
    assert_close(gradient.mean((1, 2, 3)), share, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(features=torch.zeros(4, 6)), ValueError, r"must be a map, \(N, D, h, w\), got"),
        (dict(features=torch.zeros(4, 9, 8)), ValueError, "another stage, or use ManifoldMix"),
        (dict(features=torch.zeros(3, 2, 2, 2)), ValueError, "features must be .* N = 4"),
        (dict(features=torch.zeros(4, 2, 2, 2).long()), TypeError, "features must be floating"),
        (dict(lam=torch.full((4,), -1.0)), ValueError, r"lam must be in \[0, 1\]"),
        (dict(index=torch.arange(4) - 1), ValueError, r"index must be in \[0, 4\)"),
        (dict(keep=torch.ones(4)), ValueError, r"keep must be \(4,\) bools, got torch.float32"),
        (dict(epsilon=0.0), ValueError, "epsilon must be above 0 and finite, got 0.0"),
        (dict(iterations=0), ValueError, "iterations must be 1 or more, got 0"),
    ],
)
def test_bad_arguments(change, error, message):
    good = dict(features=torch.zeros(4, 2, 2, 2), lam=torch.rand(4), index=torch.arange(4))
    with pytest.raises(error, match=message):
        align_features(**{**good, "keep": torch.ones(4) > 0, **change})
    with pytest.raises(ValueError, match=r"cost must be \(N, r, r\), got \(2, 3, 4\)"):
        sinkhorn_assignment(torch.zeros(2, 3, 4))
