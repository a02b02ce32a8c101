"""SnapMix as a function: the right pixels from the right box, and shares by meaning."""

import math

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from dmmix.functional import (
    MixedLabels,
    draw_centers,
    draw_lam,
    draw_pairing,
    mixup_cross_entropy,
    snapmix,
)
from dmmix.functional.mixing import main_class
from tests.laws.data import batch, generator
from tests.laws.mix_functions import SIZES
from tests.mixups.waits import Waits


def draws(n, alpha=1.0, seed=0, size=(4, 3), dtype=torch.float64):
    """lam, index, centers, source_lam, source_centers, activation."""
    g = generator(seed)
    boxes = draw_lam(n, alpha, g), draw_pairing(n, g), draw_centers(n, g)
    activation = torch.randn(n, *size, generator=g, dtype=dtype)
    return (*boxes, draw_lam(n, alpha, g), draw_centers(n, g), activation)


def box(lam, center, size):
    edges = []
    for length, middle in zip(size, center, strict=True):
        side = round(math.sqrt(1 - lam) * length)
        start = round(middle * length - side / 2)
        edges.append((max(start, 0), min(start + side, length)))
    return edges


def percent_map(activation, size):
    """The semantic percent map: resized, from 0 on, summing to 1."""
    seen = F.interpolate(activation[None, None], size, mode="bilinear")[0, 0]
    seen = seen - seen.min()
    return seen / seen.sum()


def loop(images, lam, index, centers, source_lam, source_centers, activation):
    """A sample and a box at a time."""
    size = tuple(images.shape[-2:])
    mixed, shares = images.clone(), []
    for i, j in enumerate(index.tolist()):
        (top, bottom), (left, right) = box(lam[i].item(), centers[i].tolist(), size)
        (s_top, s_bottom), (s_left, s_right) = box(
            source_lam[i].item(), source_centers[i].tolist(), size
        )
        height, width = bottom - top, right - left
        if min(height, width, s_bottom - s_top, s_right - s_left) == 0:
            shares.append((1.0, 0.0))
            continue
        cut = images[j : j + 1, :, s_top:s_bottom, s_left:s_right].contiguous()
        cut = F.interpolate(cut, (height, width), mode="bilinear", antialias=True)
        mixed[i, :, top:bottom, left:right] = cut[0]
        first, second = 1.0, 0.0
        for y in range(top, bottom):
            for x in range(left, right):
                first -= percent_map(activation[i], size)[y, x].item()
        for y in range(s_top, s_bottom):
            for x in range(s_left, s_right):
                second += percent_map(activation[j], size)[y, x].item()
        shares.append((first, second))
    return mixed, torch.tensor(shares, dtype=images.dtype)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_loop_from_the_paper(size, seed):
    images, _ = batch(5, 2, size, torch.float64)
    labels, args = torch.tensor([0, 1, 2, 0, 1]), draws(5, seed=seed)
    mixed = snapmix(images, labels, *args)
    expected, rho = loop(images, *args)
    assert_close(mixed.images, expected)
    assert_close(mixed.weights, rho.sum(1))
    assert_close(mixed.labels.shares * mixed.weights[:, None], rho)
    # And so is its loss.
    logits = torch.randn(5, 3, generator=generator(), dtype=torch.float64)
    ours = mixup_cross_entropy(logits, mixed.labels, sample_weight=mixed.weights)
    first = F.cross_entropy(logits, labels, reduction="none")
    second = F.cross_entropy(logits, labels[args[1]], reduction="none")
    assert_close(ours, (rho[:, 0] * first + rho[:, 1] * second).mean())


def test_two_equal_boxes_copy_the_pixels():
    images, labels = batch(6, 3, (11, 14))
    lam, index, centers, _, _, activation = draws(6, seed=2)
    mixed = snapmix(images, labels, lam, index, centers, lam, centers, activation)
    assert torch.equal(mixed.images, torch.where(mixed.mask, images, images[index]))


def test_rho_follows_the_meaning_and_not_the_area():
    images, labels = batch(2, 1, (8, 8))
    activation = torch.zeros(2, 8, 8)
    activation[0, :4, :4] = 1  # all that means something is top left
    activation[1, 4:, 4:] = 1  # and bottom right
    lam, index = torch.full((2,), 0.75), torch.tensor([1, 0])
    quarter = {"top left": 0.25, "bottom right": 0.75}

    def rho(target, source):
        centers = torch.full((2, 2), quarter[target])
        source_centers = torch.full((2, 2), quarter[source])
        mixed = snapmix(images, labels, lam, index, centers, lam, source_centers, activation)
        return mixed.labels.shares[0].tolist(), mixed.weights[0].item()

    assert rho("top left", "bottom right") == ([0.0, 1.0], 1.0)
    assert rho("bottom right", "bottom right") == ([0.5, 0.5], 2.0)
    assert rho("bottom right", "top left") == ([1.0, 0.0], 1.0)
    # Neither is seen: no weight, and a label of the pixels' shares.
    assert rho("top left", "top left") == ([0.75, 0.25], 0.0)


@pytest.mark.parametrize(
    "activation",
    [
        torch.zeros(3, 4, 5),
        torch.full((3, 4, 5), -0.1),
        torch.full((3, 1, 1), 7.3),
        -torch.rand(3, 4, 5, generator=generator()),
        torch.rand(3, 4, 5, generator=generator()) * 1e-38,
        torch.rand(3, 4, 5, generator=generator()) * 1e30,
    ],
)
@pytest.mark.parametrize("lam", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("source_lam", [0.0, 0.4, 1.0])
def test_maps_and_boxes_at_the_edge_give_shares(activation, lam, source_lam):
    images, labels = batch(3, 1, (6, 7))
    centers, index = torch.full((3, 2), 0.5), torch.tensor([1, 2, 0])
    lams = torch.full((3,), lam), torch.full((3,), source_lam)
    mixed = snapmix(images, labels, lams[0], index, centers, lams[1], centers, activation)
    mixed.labels.validate(3)
    assert bool(mixed.weights.isfinite().all())
    assert bool(((mixed.weights >= 0) & (mixed.weights <= 2 + 1e-6)).all())
    assert bool(mixed.images.isfinite().all())
    if lam == 1 or source_lam == 1:
        assert torch.equal(mixed.images, images)
        assert_close(mixed.labels.shares, torch.tensor([[1.0, 0.0]]).expand(3, 2))
        assert_close(mixed.weights, torch.ones(3))
    elif activation.std() == 0:  # every pixel counts alike
        first = mixed.mask.float().mean((1, 2, 3))
        assert_close((mixed.labels.shares * mixed.weights[:, None])[:, 0], first)


def test_the_class_of_the_largest_share():
    labels = torch.tensor([3, 0, 2])
    assert main_class(labels) is labels
    assert torch.equal(main_class(MixedLabels.from_labels(labels)), labels)
    several = MixedLabels(torch.tensor([[1, 3], [0, 2]]), torch.tensor([[0.3, 0.7], [0.6, 0.4]]))
    dense = several.dense(4)
    with Waits() as waits:
        found = [main_class(some) for some in (several, dense)]
    assert waits.found == []
    assert [classes.tolist() for classes in found] == [[3, 0], [3, 0]]
