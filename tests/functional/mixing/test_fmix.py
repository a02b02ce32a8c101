"""FMix: against a loop from the paper, its spectrum, and what is in the images."""

import cmath
import functools
import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import draw_lam, draw_noise, draw_pairing, fmix
from dmmix.functional.mixing.fmix import low_frequency_field
from tests.laws.data import batch, generator
from tests.laws.mix_functions import SIZES


def draws(n, size):
    g = generator()
    return draw_lam(n, 1.0, g), draw_pairing(n, g), draw_noise(n, size, g)


# -- against the paper -----------------------------------------------------------------------------


@functools.cache
def slow_fields(n, size, decay):
    return [slow_field(noise.tolist(), size, decay) for noise in draws(n, size)[2]]


def slow_field(noise, size, decay):
    """The sum over all frequencies at each pixel, with the missing half as the conjugate."""
    height, width = size
    whole = {}
    for ky in range(height):
        for kx in range(width):
            if kx <= width // 2:
                z = noise[ky][kx]
                if 2 * kx % width == 0:  # its conjugate partner is in the same half
                    z = math.sqrt(2) * (z + noise[-ky % height][kx].conjugate()) / 2
            else:
                z = noise[-ky % height][width - kx].conjugate()
            fy, fx = min(ky, height - ky) / height, min(kx, width - kx) / width
            whole[ky, kx] = z / max(math.hypot(fy, fx), 1 / max(size)) ** decay
    return [
        [
            sum(
                z * cmath.exp(2j * math.pi * (ky * y / height + kx * x / width))
                for (ky, kx), z in whole.items()
            ).real
            for x in range(width)
        ]
        for y in range(height)
    ]


def slow_mask(field, lam, max_soft):
    """1 at the highest pixels, one at a time; the ramp is that of the authors' ``linspace``."""
    height, width = len(field), len(field[0])
    pixels = [(y, x) for y in range(height) for x in range(width)]
    number = round(lam * len(pixels))
    half = math.floor(min(max_soft, lam, 1 - lam) * len(pixels))
    half = min(half, number, len(pixels) - number)
    mask = torch.zeros(height, width, dtype=torch.float64)
    for rank, (y, x) in enumerate(sorted(pixels, key=lambda p: -field[p[0]][p[1]])):
        if rank < number - half:
            mask[y, x] = 1
        elif rank < number + half:
            mask[y, x] = torch.linspace(1, 0, 2 * half, dtype=torch.float64)[rank - number + half]
    return mask


@pytest.mark.parametrize("max_soft", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("size", SIZES)
def test_is_the_loop_from_the_paper(size, max_soft):
    images, labels = batch(4, 2, size, torch.float64)
    lam, index, noise = draws(4, size)
    for decay in (3.0, 1.5):
        mixed = fmix(images, labels, lam, index, noise, decay_power=decay, max_soft=max_soft)
        for i, j in enumerate(index.tolist()):
            field = slow_fields(4, size, decay)[i]
            mask = slow_mask(field, lam[i].item(), max_soft)
            assert_close(mixed.mask[i, 0].double(), mask)
            assert_close(mixed.images[i], mask * images[i] + (1 - mask) * images[j])
            assert_close(mixed.labels.shares[i, 0], mask.mean())


@pytest.mark.parametrize("size", [(12, 20), (21, 10), (9, 9)])
def test_the_spectrum_depends_on_the_length_of_the_frequency_alone(size):
    """Along y, along x and across, on non-square images; also where f_x is 0 or 1/2."""
    n, decay = 4000, 1.5
    field = low_frequency_field(draw_noise(n, size, generator()), size, decay).double()
    power = torch.fft.fft2(field).abs().square().mean(0)
    fy, fx = torch.fft.fftfreq(size[0]), torch.fft.fftfreq(size[1])
    length = torch.hypot(fy[:, None], fx).double().clamp_min(1 / max(size))
    flat = power * length ** (2 * decay)
    assert_close(flat / flat.mean(), torch.ones(size).double(), rtol=0, atol=7 * (2 / n) ** 0.5)


def test_masks_are_not_symmetric_about_a_point():
    """The published code drops the imaginary parts, so each of its masks is."""
    field = low_frequency_field(draw_noise(64, (16, 16), generator()), (16, 16), 3.0)
    field = field - field.mean((1, 2), keepdim=True)
    turned = field.flip(1, 2).roll((1, 1), (1, 2))
    likeness = torch.cosine_similarity(field.flatten(1), turned.flatten(1))
    assert likeness.abs().mean() < 0.8
    assert likeness.min() < -0.5


# -- the number of pixels --------------------------------------------------------------------------


@pytest.mark.parametrize("max_soft", [0.0, 0.1])
def test_the_share_is_the_wanted_one_up_to_half_a_pixel(max_soft):
    images, labels = batch(300, 1, (7, 11))
    lam, index, noise = draws(300, (7, 11))
    mixed = fmix(images, labels, lam, index, noise, max_soft=max_soft)
    number = mixed.mask.double().sum((1, 2, 3))
    assert_close(number, (lam * 77).round(), rtol=0, atol=1e-5)
    assert_close(mixed.labels.shares[:, 0].double(), number / 77, rtol=0, atol=1e-6)
    assert ((mixed.mask == 0) | (mixed.mask == 1)).all() == (max_soft == 0)


@pytest.mark.parametrize("max_soft", [0.0, 0.25])
def test_pixels_that_are_equal_are_taken_row_by_row(max_soft):
    images, labels = batch(3, 1, (4, 5))
    noise = torch.zeros(3, 4, 3, dtype=torch.complex64)
    noise[1] = -noise[1]  # -0 is 0
    lam = torch.tensor([0.5, 0.35, 0.25])
    mixed = fmix(images, labels, lam, torch.tensor([1, 2, 0]), noise, max_soft=max_soft)
    mask = mixed.mask.flatten(1).float()
    assert_close(mask.sum(1), torch.tensor([10.0, 7.0, 5.0]))
    assert bool((mask.diff(dim=1) <= 0).all())
    if not max_soft:
        assert torch.equal(mask, (torch.arange(20) < torch.tensor([[10], [7], [5]])).float())


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("shift", [0.0, -50.0, 50.0])
def test_the_highest_pixels_are_found_at_any_level(scale, shift):
    """Also where all of the field lies above 0, or below."""
    size = (6, 8)
    images, labels = batch(5, 1, size)
    lam, index, noise = draws(5, size)
    noise[:, 0, 0] += shift
    noise = noise * scale
    field = low_frequency_field(noise, size, 3.0).flatten(1)
    if shift:
        assert bool((field * shift > 0).all())
    got = fmix(images, labels, lam, index, noise).mask.flatten(1)
    order = field.sort(dim=1, descending=True, stable=True).indices
    for i in range(5):
        expected = torch.zeros(48, dtype=torch.bool)
        expected[order[i, : round(lam[i].item() * 48)]] = True
        assert torch.equal(got[i], expected)


def test_the_highest_pixels_are_found_on_a_large_image():
    size = (120, 90)
    images, labels = batch(6, 1, size)
    lam, index, noise = draws(6, size)
    field = low_frequency_field(noise, size, 3.0).flatten(1)
    got = fmix(images, labels, lam, index, noise).mask.flatten(1)
    assert torch.equal(got.sum(1), (lam * 120 * 90).round().long())
    lowest_in = torch.where(got, field, torch.inf).amin(1)
    highest_out = torch.where(got, -torch.inf, field).amax(1)
    # Up to what is far below the rounding of the transform.
    assert bool((lowest_in >= highest_out - 3e-7 * (field.amax(1) - field.amin(1))).all())


def test_noise_is_normal():
    big = torch.view_as_real(draw_noise(100, (32, 32), generator()))
    assert abs(big.mean()) < 0.02
    assert_close(big[..., 0].var(), big[..., 1].var(), rtol=0.05, atol=0)
