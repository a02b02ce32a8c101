"""GridMix, registered."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import draw_cells, draw_lam, draw_pairing, gridmix
from dmmix.mixups import GridMix, RandomMix
from dmmix.testing import assert_labels_match_pixels
from tests.mixups.waits import Waits

KINDS = [GridMix(), GridMix(per_batch=True), GridMix(grid=7), GridMix(grid=[3, 5], alpha=0.5)]
every_kind = pytest.mark.parametrize("mix", KINDS, ids=repr)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=8, ch=3, size=(9, 14)):
    return torch.randn(n, ch, *size, generator=generator(9)), torch.arange(n)


def test_it_is_the_function_with_draws():
    images, labels = batch()
    mixed = GridMix(alpha=0.5, grid=(2, 3)).mix(images, labels, generator(4))
    g = generator(4)
    lam, index, cells = draw_lam(8, 0.5, g), draw_pairing(8, g), draw_cells(8, (2, 3), g)
    expected = gridmix(images, labels, lam, index, cells)
    assert torch.equal(mixed.images, expected.images)
    assert torch.equal(mixed.labels.shares, expected.labels.shares)


@every_kind
@pytest.mark.parametrize("n", [1, 2, 7])
def test_provenance(mix, n):
    for size in [(8, 8), (5, 9), (13, 6)]:
        for channels in (None, 1, 3):
            assert_labels_match_pixels(
                lambda x, y: mix.mix(x, y, generator(2)), n, size, channels=channels, atol=1e-6
            )


@every_kind
def test_one_mask_a_batch_or_one_a_sample(mix):
    mixed = mix.mix(*batch(), generator())
    masks = mixed.mask.float().unique(dim=0).shape[0]
    shares = mixed.labels.shares.unique(dim=0).shape[0]
    assert (masks, shares) == (1, 1) if mix.per_batch else masks > 4 and shares > 4


@every_kind
def test_nothing_waits_and_a_generator_decides(mix):
    images, labels = batch()
    before, state = images.clone(), torch.get_rng_state()
    with Waits() as waits:
        a = mix.mix(images, labels, generator(1))
    assert waits.found == []
    b = mix.mix(images, labels, generator(1))
    assert torch.equal(a.images, b.images)
    others = [mix.mix(images, labels, generator(s)).images for s in (2, 3, 4)]
    assert any(not torch.equal(a.images, other) for other in others)
    assert torch.equal(images, before)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("alpha", [0.2, 2.0])
def test_the_share_is_binomial_around_a_beta(alpha):
    images, labels = torch.zeros(6000, 1, 4, 4), torch.arange(6000)
    share = GridMix(alpha).mix(images, labels, generator()).labels.shares[:, 0].double()
    assert_close(share * 16, (share * 16).round())
    between = 1 / (8 * alpha + 4)
    within = (0.25 - between) / 16  # E[lam (1 - lam)] / cells
    assert abs(share.mean() - 0.5) < 0.03
    assert abs(share.var() - between - within) < 0.01


def test_among_others():
    images, labels = batch()
    mix = RandomMix([dict(type="GridMix"), dict(type="Mixup")], per_sample=True, fraction=0.7)
    assert mix.mix(images, labels, generator()).labels.classes.shape == (8, 2)
    assert_labels_match_pixels(lambda x, y: mix.mix(x, y, generator(2)), 7, (5, 9), atol=1e-5)
