"""The share of what the class token looks at, against a loop over patches and pixels."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import attention_share, cutmix, draw_centers, draw_lam, token_grid
from tests.laws.data import generator


def box_mask(n, size, seed=0):
    g = generator(seed)
    images = torch.zeros(n, 1, *size)
    lam, centers = draw_lam(n, 1.0, g), draw_centers(n, g)
    return cutmix(images, torch.zeros(n).long(), lam, torch.arange(n), centers).mask


def attention_of(n, tokens, seed=1):
    return torch.rand(n, tokens, dtype=torch.float64, generator=generator(seed)) ** 3


def loop(attention, mask, grid, area=0.0):
    """sum_t A_t M_t with M the mean of the mask over the pixels of patch t."""
    n, _, height, width = mask.shape
    shares = []
    for i in range(n):
        total = float(attention[i].sum())
        share = 0.0
        for row in range(grid[0]):
            for column in range(grid[1]):
                pixels = [
                    float(mask[i, 0, y, x])
                    for y in range(row * height // grid[0], (row + 1) * height // grid[0])
                    for x in range(column * width // grid[1], (column + 1) * width // grid[1])
                ]
                weight = float(attention[i, row * grid[1] + column]) / total
                share += weight * sum(pixels) / len(pixels)
        whole = float(mask[i].double().mean())
        shares.append((1 - area) * share + area * whole)
    return torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize("area", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    ("size", "grid"),
    [((8, 8), (4, 4)), ((8, 12), (2, 3)), ((12, 6), (6, 3)), ((9, 15), (3, 5)), ((7, 5), (7, 5))],
)
def test_it_is_the_loop_from_the_paper(size, grid, area):
    for seed in range(3):
        mask = box_mask(6, size, seed)
        attention = attention_of(6, grid[0] * grid[1], seed)
        assert token_grid(attention.shape[1], size) == grid
        got = attention_share(attention, mask, area)
        assert got.dtype == torch.float64
        assert_close(got, loop(attention, mask, grid, area))
        for floats in (mask.double(), mask.bfloat16()):
            assert_close(attention_share(attention, floats, area), got)


def test_all_attention_on_one_patch():
    mask = torch.zeros(2, 1, 8, 12, dtype=torch.bool)
    mask[:, :, :4, 4:8] = True  # patch (0, 1) of 2 x 3
    mask[1, :, 4:, 2:4] = True  # half of patch (1, 0)
    for row in range(2):
        for patch in range(6):
            attention = torch.zeros(2, 6)
            attention[:, patch] = 0.2
            expected = 1.0 if patch == 1 else 0.5 if (row, patch) == (1, 3) else 0.0
            assert float(attention_share(attention, mask)[row]) == expected
    for even in (0.0, 0.01):  # without any attention too it is the area
        got = attention_share(torch.full((2, 6), even), mask)
        assert_close(got, mask.float().mean((1, 2, 3)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_dtypes(dtype):
    mask, attention = box_mask(6, (8, 8)), attention_of(6, 16).to(dtype)
    got = attention_share(attention, mask)
    assert got.dtype == torch.float32
    assert_close(got.double(), loop(attention.double(), mask, (4, 4)), rtol=0, atol=1e-6)
    assert bool(((got >= 0) & (got <= 1)).all())


def test_the_grid_of_every_image_and_patch():
    for height in range(8, 64, 3):
        for width in range(8, 64, 5):
            for patch in range(1, 9):
                for rounded in (math.floor, math.ceil):  # the border dropped, or padded
                    grid = rounded(height / patch), rounded(width / patch)
                    assert token_grid(grid[0] * grid[1], (height, width)) == grid


@pytest.mark.parametrize("extra", [1, 2])
@pytest.mark.parametrize(("side", "patch"), [(224, 16), (32, 4), (64, 8)])
def test_tokens_that_are_no_patches_are_an_error(side, patch, extra):
    with pytest.raises(ValueError, match=r"tokens are no grid of square patches .* no patch"):
        token_grid((side // patch) ** 2 + extra, (side, side))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(attention=torch.zeros(4, 16).long()), TypeError, "must be a floating-point Tensor"),
        (dict(attention=None), TypeError, "must be a floating-point Tensor, got NoneType"),
        (dict(attention=torch.zeros(3, 16)), ValueError, r"attention must be \(N, T\) and mask"),
        (dict(mask=torch.zeros(4, 8, 8)), ValueError, r"attention must be \(N, T\) and mask"),
        (dict(area=1.5), ValueError, r"area must be in \[0, 1\], got 1.5"),
    ],
)
def test_bad_arguments(change, error, message):
    good = dict(attention=torch.rand(4, 16), mask=box_mask(4, (8, 8)))
    with pytest.raises(error, match=message):
        attention_share(**{**good, **change})
