"""PuzzleMix as a function: against the loop from the paper, and against what is in the images."""

import itertools

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import draw_lam, draw_pairing, puzzlemix
from dmmix.functional.mixing.puzzle_transport import assign_blocks
from tests.laws.data import generator

from . import puzzle_reference as reference

needs_cuts = pytest.mark.skipif(
    reference.maxflow is None, reason="there is no PyMaxflow for this Python or platform"
)
SIZES = [(8, 8), (5, 9), (13, 6), (16, 24)]


def batch(n=6, ch=3, size=(8, 8), dtype=torch.float32, seed=0):
    """images, labels, lam, index, saliency; no two blocks are equally salient."""
    g = generator(seed)
    images = torch.rand(n, ch, *size, generator=g, dtype=torch.float64).to(dtype)
    saliency = torch.rand(n, *size, generator=g, dtype=torch.float64).pow(4)
    lam, index = draw_lam(n, 1.0, g), draw_pairing(n, g)
    return images, torch.arange(n), lam, index, saliency


def numpy(given):
    images, _, lam, index, saliency = given
    return [x.numpy() for x in (images, lam, index, saliency)]


# -- against the paper -------------------------------------------------------------------------


@needs_cuts
@pytest.mark.parametrize("options", [
    {}, dict(n_labels=2), dict(n_labels=4), dict(transport=False), dict(t_eps=0.1),
    dict(beta=0.4, gamma=1.0), dict(eta=1.0), dict(neigh_size=1), dict(eta=0.01, beta=0.0),
])  # fmt: skip
@pytest.mark.parametrize("block_num", [1, 2, 4, 5])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_loop_from_the_paper(size, block_num, options):
    given = batch(12, 3, size, torch.float64, seed=block_num)
    mixed = puzzlemix(*given, block_num=block_num, **options)
    images, _, masks = reference.puzzlemix(*numpy(given), block_num=block_num, **options)
    same = (mixed.mask[:, 0].numpy() == masks).all((1, 2))
    assert same.sum() >= 11  # the solver is not exact
    close = np.abs(mixed.images.numpy() - images).max((1, 2, 3)) < 1e-9
    assert (close & same).sum() >= 10  # blocks at one distance from two places may tie
    assert_close(mixed.labels.shares[same, 0].numpy(), masks.mean((1, 2))[same])


# -- transport ---------------------------------------------------------------------------------


def problems(n, rows, cols, seed=0):
    """Masks that have nothing to do with the saliency, so that much has to move."""
    g = generator(seed)
    saliency = torch.rand(n, rows, cols, generator=g, dtype=torch.float64).pow(4)
    saliency = saliency / saliency.sum((1, 2), keepdim=True)
    return torch.rand(n, rows, cols, generator=g) > 0.5, saliency


@pytest.mark.parametrize("rounds", [0, 1, 3, None, 50])
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 2), (4, 7), (16, 16)])
def test_each_block_is_used_once(size, rounds):
    source = assign_blocks(*problems(20, *size), 0.1, rounds)
    every = torch.arange(size[0] * size[1])
    assert torch.equal(source.sort(1)[0], every.expand(20, -1))
    if rounds == 0:
        assert torch.equal(source, every.expand(20, -1))
    elif rounds is None and size == (4, 7):
        assert not torch.equal(source, every.expand(20, -1))


@pytest.mark.parametrize("size", [(2, 2), (4, 7), (8, 8)])
def test_with_enough_rounds_no_block_and_place_would_both_gain(size):
    shown, saliency = problems(16, *size)
    source = assign_blocks(shown, saliency, 0.2, rounds=300)
    cost = 0.2 * torch.tensor(reference.squared_distance(*size))
    cost = cost - saliency.flatten(1)[:, :, None] * shown.flatten(1)[:, None]
    kept = cost.gather(1, source[:, None]).squeeze(1)  # at each place
    paid = torch.empty_like(kept).scatter_(1, source, kept)  # by each block
    gains = (cost < kept[:, None] - 1e-12) & (cost < paid[:, :, None] - 1e-12)
    # The paper's algorithm ends when no two blocks meet, which says the same.
    assert not gains.any()
    assert (source != torch.arange(size[0] * size[1])).any()


@pytest.mark.parametrize("block_num", [4, 8, 16])
def test_masks_of_the_method_need_few_rounds(block_num):
    g = generator(1)
    images = torch.rand(32, 3, 32, 32, generator=g, dtype=torch.float64)
    saliency = (2 * torch.randn(32, 32, 32, generator=g, dtype=torch.float64)).exp()
    given = (images, torch.arange(32), draw_lam(32, 1.0, g), draw_pairing(32, g), saliency)
    mask = puzzlemix(*given, block_num=block_num).mask
    side = 32 // block_num
    shown = mask[:, 0, ::side, ::side] > 0
    salient = torch.nn.functional.avg_pool2d(saliency, side)
    salient = salient / salient.sum((1, 2), keepdim=True)
    source = assign_blocks(shown, salient, 0.8)
    distance = 0.8 * reference.squared_distance(block_num, block_num)
    pairs = zip(salient.flatten(1).numpy(), shown.flatten(1).numpy(), strict=True)
    goals = torch.tensor(np.stack([reference.transport(s, z, distance) for s, z in pairs]))
    assert (source.argsort(1) == goals).all(1).double().mean() > 0.9
    # What it is for: more saliency is seen than without, and no less than with the paper's loop.
    seen = (salient.flatten(1).gather(1, source) * shown.flatten(1)).sum(1)
    theirs = (salient.flatten(1).gather(1, goals.argsort(1)) * shown.flatten(1)).sum(1)
    still = (salient * shown).sum((1, 2))
    assert bool((seen >= still - 1e-12).all())
    assert abs((seen - theirs).mean()) < 1e-3


def test_a_salient_block_moves_to_where_it_is_seen():
    shown = torch.zeros(1, 4, 4, dtype=torch.bool)
    shown[:, :, :2] = True
    saliency = torch.full((1, 4, 4), 0.01)
    saliency[0, 1, 2] = 0.85
    source = assign_blocks(shown, saliency, 0.8).view(4, 4)
    assert source[1, 1] == 6  # from (1, 2) one to the left
    assert source[1, 2] == 5  # and what was there went the other way
    assert (source.flatten() != torch.arange(16)).sum() == 2
    # Not where it is dear to move, nor where all is shown.
    assert torch.equal(assign_blocks(shown, saliency, 50.0)[0], torch.arange(16))
    assert torch.equal(assign_blocks(shown | True, saliency, 0.8)[0], torch.arange(16))


@pytest.mark.parametrize("size", [(16, 16), (13, 18), (5, 9)])
@pytest.mark.parametrize("t_size", [None, 1, 2, 3])
def test_no_pixel_of_an_image_is_lost_or_doubled(size, t_size):
    n = 6
    pixel = torch.arange(float(size[0] * size[1]), dtype=torch.float64).view(1, 1, *size) + 1
    images = torch.zeros(n, 2, *size, dtype=torch.float64)
    images[::2, :1], images[1::2, 1:] = pixel, pixel
    index = torch.arange(n) ^ 1
    _, labels, lam, _, saliency = batch(n, 2, size)
    saliency = saliency.pow(3)
    given = (images, labels, lam, index, saliency)
    options = dict(n_labels=2, block_num=4, t_eps=0.01, t_size=t_size)
    mixed, still = puzzlemix(*given, **options), puzzlemix(*given, **options, transport=False)
    assert torch.equal(mixed.mask, still.mask)
    assert not torch.equal(mixed.images, still.images)
    for i in range(n):
        first = mixed.images[i, i % 2][mixed.mask[i, 0] == 1]
        second = mixed.images[i, 1 - i % 2][mixed.mask[i, 0] == 0]
        for seen in (first, second):
            assert bool((seen > 0).all())
            assert seen.unique().numel() == seen.numel()


# -- pitfalls ------------------------------------------------------------------------------------


def test_a_given_lam_is_honoured():
    images, labels, _, index, saliency = batch(64, size=(16, 16))
    index = labels.roll(1)
    shares = []
    for value in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0):
        lam = torch.full((64,), value)
        mixed = puzzlemix(images, labels, lam, index, saliency)
        shares.append(mixed.labels.shares[:, 0].mean().item())
        if value in (0.0, 1.0):  # one image alone, as with all mixes
            assert torch.equal(mixed.images, images if value else images[index])
            assert bool((mixed.labels.shares[:, 0] == value).all())
    assert all(a < b for a, b in itertools.pairwise(shares))
    assert abs(shares[3] - 0.5) < 0.05
    assert shares[1] < 0.25
    assert shares[5] > 0.75
    # Each sample has its own, and a prior that outweighs all else decides alone: by its mode.
    lam = torch.linspace(0.05, 0.95, 64)
    got = puzzlemix(images, labels, lam, index, saliency).labels.shares[:, 0]
    assert torch.corrcoef(torch.stack([got, lam]))[0, 1] > 0.9
    got = puzzlemix(images, labels, lam, index, saliency, eta=1e4).labels.shares[:, 0]
    assert torch.equal(got, (3 * lam).floor() / 2)


def test_the_salient_image_is_shown():
    images, labels, _, _, _ = batch(2, size=(8, 8))
    saliency = torch.full((2, 8, 8), 1e-3)
    saliency[0, :, :4] = 1
    saliency[1, :, 4:] = 1
    mask = puzzlemix(images, labels, torch.full((2,), 0.5), torch.tensor([1, 0]), saliency).mask
    assert bool((mask[0, 0, :, :4] == 1).all())
    assert bool((mask[0, 0, :, 4:] == 0).all())
    assert torch.equal(mask[1], 1 - mask[0])


def test_smoothness_follows_the_pixels():
    """A border between blocks costs more where the two images differ there."""
    images, labels, lam, index, saliency = batch(32, size=(16, 16), seed=3)
    plain = puzzlemix(images, labels, lam, index, saliency, gamma=0.0).mask
    pixels = puzzlemix(images, labels, lam, index, saliency, gamma=1.0).mask
    assert not torch.equal(plain, pixels)
    # In what unit the pixels are makes no difference, unless it is said.
    scaled = puzzlemix(3 * images + 1, labels, lam, index, saliency, gamma=1.0).mask
    assert torch.equal(scaled, pixels)
    given = puzzlemix(images, labels, lam, index, saliency, gamma=1.0, pixel_range=1e6).mask
    assert torch.equal(given, plain)
    rough = puzzlemix(images, labels, lam, index, saliency, beta=0.0).mask
    smooth = puzzlemix(images, labels, lam, index, saliency, beta=100.0).mask
    assert bool((smooth == smooth[:, :, :1, :1]).all())
    changes = [(m[..., 1:] != m[..., :-1]).sum() for m in (rough, plain, smooth)]
    assert changes[0] > changes[1] > changes[2] == 0


@pytest.mark.parametrize("block_num", [1, 2, 3, 4, 16, 100])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 9), (13, 6), (17, 32), (224, 20)])
def test_blocks_of_sizes_that_do_not_divide(size, block_num):
    images, labels, lam, index, saliency = batch(3, 1, size)
    mask = puzzlemix(images, labels, lam, index, saliency, block_num=block_num).mask[:, 0]
    _, sides, (row, column) = reference.layout(*size, block_num)
    assert row[-1] + 1 <= block_num
    assert column[-1] + 1 <= block_num
    for places, length, side in zip((row, column), size, sides, strict=True):
        counts = np.bincount(places)
        assert counts.sum() == length
        assert counts.min() >= side
        assert counts.max() <= 2 * side
    for r in range(row[-1] + 1):
        for c in range(column[-1] + 1):
            block = mask[:, row == r][:, :, column == c].flatten(1)
            assert torch.equal(block, block[:, :1].expand_as(block))


def test_what_cannot_be_told_apart():
    images, labels, lam, index, saliency = batch(5)
    even = puzzlemix(images, labels, lam, index, torch.ones(5, 8, 8))
    none = puzzlemix(images, labels, lam, index, torch.zeros(5, 8, 8))
    assert torch.equal(none.images, even.images)
    assert bool(none.images.isfinite().all())
    same = puzzlemix(images, labels, lam, torch.arange(5), saliency)
    assert_close(same.images, images)
    assert_close(same.labels.dense(5), torch.eye(5))
    flat = puzzlemix(torch.ones(5, 3, 8, 8), labels, lam, index, saliency)
    assert_close(flat.images, torch.ones(5, 3, 8, 8))
