"""PuzzleMix's solver against graph cuts: exact ones, and alpha-beta swaps as its authors use.

``python -m pytest -s -k gap tests/functional/mixing/test_puzzle_energy.py`` prints what was found.
"""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dmmix.functional import Guide
from dmmix.functional.mixing.puzzle_energy import minimise_grid_energy
from tests.laws.data import generator

from . import puzzle_reference as reference

needs_cuts = pytest.mark.skipif(
    reference.maxflow is None, reason="there is no PyMaxflow for this Python or platform"
)


def random_energies(n, m, rows, cols, strength, seed=0):
    """Convex costs of labels, 0.1 at the best one, and weights up to ``strength``; float64."""
    g = generator(seed)
    slopes = torch.randn(n, m, rows, cols, dtype=torch.float64, generator=g).sort(1)[0]
    unary = torch.cat([torch.zeros(n, 1, rows, cols), slopes.cumsum(1)], 1)
    unary = unary - unary.amin(1, keepdim=True) + 0.1
    down = strength * torch.rand(n, rows - 1, cols, dtype=torch.float64, generator=g)
    right = strength * torch.rand(n, rows, cols - 1, dtype=torch.float64, generator=g)
    return unary, down, right


@pytest.fixture(scope="module")
def digits():
    """Digits of 32 x 32 pixels, their labels, and where a small net looks at them."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = torch.tensor(data.images / 16, dtype=torch.float32)[:, None]
    images = F.interpolate(images, size=(32, 32), mode="bilinear")
    labels = torch.tensor(data.target)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 5, stride=2, padding=2), torch.nn.ReLU(),
            torch.nn.Conv2d(8, 16, 3, stride=2, padding=1), torch.nn.ReLU(),
            torch.nn.Flatten(), torch.nn.Linear(16 * 64, 10),
        )  # fmt: skip
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        for step in range(60):
            rows = slice(step * 25 % 1700, step * 25 % 1700 + 25)
            loss = F.cross_entropy(model(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    images, labels = images[:48], labels[:48]
    return images, Guide(model).saliency(images, labels)


def digit_energies(digits, block_num, n_labels):
    images, saliency = (x.double().numpy() for x in digits)
    lam = torch.rand(len(images), generator=generator(2)).tolist()
    sides = [32 // block_num] * 2
    terms = [
        reference.energy_terms(
            images[i], images[-1 - i], saliency[i], saliency[-1 - i], lam[i], sides, n_labels
        )
        for i in range(len(images))
    ]
    return [torch.tensor(np.stack(part)) for part in zip(*terms, strict=True)]


def gaps(energies, solve):
    """How far the energies of our labels are from those of ``solve``, as parts of the latter."""
    labels = minimise_grid_energy(*(x.float() for x in energies)).numpy()
    found = []
    for ours, *one in zip(labels, *(x.numpy() for x in energies), strict=True):
        found.append([reference.energy(z, *one) for z in (ours, solve(*one))])
    ours, theirs = np.array(found).T
    return (ours - theirs) / theirs


def report(name, gap):
    found = f"mean {gap.mean():.1e}, largest {gap.max():.1e}, none for {(gap < 1e-9).mean():.1%}"
    print(f"\n{name}: {found}", end="")


@needs_cuts
@pytest.mark.parametrize("m", [1, 2, 3])
def test_the_exact_cut_is_exact(m):
    unary, down, right = (x.numpy() for x in random_energies(5, m, 2, 3, 1.0))
    for one in zip(unary, down, right, strict=True):
        every = itertools.product(range(m + 1), repeat=6)
        best = min(reference.energy(np.reshape(z, (2, 3)), *one) for z in every)
        assert abs(reference.energy(reference.cut(*one), *one) - best) < 1e-6


@needs_cuts
@pytest.mark.parametrize("strength", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("n_labels", [2, 3, 4])
def test_gap_to_the_exact_cut_on_random_energies(n_labels, strength):
    gap = np.concatenate(
        [
            gaps(random_energies(24, n_labels - 1, *size, strength, 5), reference.cut)
            for size in [(2, 2), (4, 4), (8, 8), (7, 11), (1, 6), (3, 1), (1, 1), (16, 16)]
        ]
    )
    report(f"random energies, {n_labels} labels, strength {strength}", gap)
    assert gap.min() > -1e-6
    assert gap.mean() < 1e-4
    assert gap.max() < 5e-3


@needs_cuts
@pytest.mark.parametrize("n_labels", [2, 3, 4])
@pytest.mark.parametrize("block_num", [2, 4, 8, 16])
def test_gap_to_the_exact_cut_on_digits(digits, block_num, n_labels):
    gap = gaps(digit_energies(digits, block_num, n_labels), reference.cut)
    report(f"digits, {block_num} x {block_num} blocks, {n_labels} labels", gap)
    assert gap.min() > -1e-6
    assert gap.mean() < 1e-5
    assert gap.max() < 5e-4


@needs_cuts
@pytest.mark.parametrize("n_labels", [2, 3, 4])
@pytest.mark.parametrize("block_num", [4, 8, 16])
def test_gap_to_alpha_beta_swaps(digits, block_num, n_labels):
    gap = gaps(digit_energies(digits, block_num, n_labels), reference.swap)
    report(f"against swaps, {block_num} x {block_num} blocks, {n_labels} labels", gap)
    assert gap.max() < 5e-4


def test_labels_that_need_no_neighbours_are_the_cheapest_ones():
    unary, down, right = random_energies(6, 3, 5, 4, 1.0)
    labels = minimise_grid_energy(unary, 0 * down, 0 * right)
    assert torch.equal(labels, unary.argmin(1))
    labels = minimise_grid_energy(unary, 1e6 + down, 1e6 + right)
    assert bool((labels == labels[:, :1, :1]).all())


def test_energies_of_any_size_are_solved_alike_and_samples_do_not_see_each_other():
    energies = random_energies(8, 2, 8, 8, 1.0)
    labels = minimise_grid_energy(*energies)
    for factor in (1e-6, 1e6):
        assert torch.equal(minimise_grid_energy(*(factor * x for x in energies)), labels)
    alone = [minimise_grid_energy(*(x[i : i + 1] for x in energies)) for i in range(8)]
    assert torch.equal(torch.cat(alone), labels)
