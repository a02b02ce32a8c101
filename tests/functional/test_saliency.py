"""Saliency: against loops from the papers, against OpenCV, and whatever the normalisation."""

import cmath
import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import fine_grained_saliency, spectral_residual_saliency
from tests.laws.data import LAYOUTS, images_in
from tests.mixups.waits import Waits

BOTH = [fine_grained_saliency, spectral_residual_saliency]
both = pytest.mark.parametrize("saliency", BOTH)
SIZES = [(8, 8), (5, 9), (13, 6), (1, 7), (30, 41)]


def pictures(n=4, ch=3, size=(24, 30), seed=0):
    """Smooth pictures in [0, 1], each with a bright spot in a dark ring at a place of its own."""
    g = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, ch, 4, 5, generator=g)
    images = 0.4 + 0.2 * torch.nn.functional.interpolate(coarse, size, mode="bilinear")
    images += 0.05 * torch.rand(n, ch, *size, generator=g)
    spots = torch.stack([torch.randint(2, side - 2, (n,), generator=g) for side in size], 1)
    y, x = torch.arange(size[0])[:, None], torch.arange(size[1])
    for image, (top, left) in zip(images, spots.tolist(), strict=True):
        distance = (y - top) ** 2 + (x - left) ** 2
        image[:, distance < 15] = 0
        image[:, distance < 5] = 1
    return images, spots


def mirrored(k, length):
    while length > 1 and not 0 <= k < length:
        k = -k if k < 0 else 2 * (length - 1) - k
    return k if length > 1 else 0


def filtered(maps, kernel):
    """A list of rows, filtered along both sides in one go."""
    height, width, reach = len(maps), len(maps[0]), len(kernel) // 2
    return [
        [
            sum(
                a * b * maps[mirrored(y + v, height)][mirrored(x + u, width)]
                for v, a in enumerate(kernel, -reach)
                for u, b in enumerate(kernel, -reach)
            )
            for x in range(width)
        ]
        for y in range(height)
    ]


def intensity(image):
    if len(image) == 3:
        return (0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]).tolist()
    return image.mean(0).tolist()


def fine_grained_loop(image):
    """Montabone and Soto's centre-surround differences, pixel by pixel."""
    gray = intensity(image)
    for _ in range(2):
        gray = filtered(gray, (0.25, 0.5, 0.25))
    height, width = len(gray), len(gray[0])
    table, on, off = torch.tensor(gray, dtype=torch.float64), {}, {}
    for y in range(height):
        for x in range(width):
            on[y, x] = off[y, x] = 0.0
            for r in (12, 24, 48, 28, 56, 112):
                around = table[max(y - r + 1, 0) : y + r + 1, max(x - r + 1, 0) : x + r + 1]
                mean = (around.sum().item() - gray[y][x]) / (around.numel() - 1)
                on[y, x] += max(gray[y][x] - mean, 0)
                off[y, x] += max(mean - gray[y][x], 0)
    most_on, most_off = max(on.values()), max(off.values())
    total = torch.tensor([on[p] / most_on + off[p] / most_off for p in on], dtype=torch.float64)
    return (total / total.max()).view(height, width)


def resized(maps, height, width):
    """Bilinear, pixels standing for their middles."""

    def weights(old, new):
        for k in range(new):
            place = min(max((k + 0.5) * old / new - 0.5, 0), old - 1)
            low = min(int(place), old - 1)
            yield low, min(low + 1, old - 1), place - low

    return [
        [
            (1 - v) * ((1 - u) * maps[a][c] + u * maps[a][d])
            + v * ((1 - u) * maps[b][c] + u * maps[b][d])
            for c, d, u in weights(len(maps[0]), width)
        ]
        for a, b, v in weights(len(maps), height)
    ]


def spectral_residual_loop(image):
    """Hou and Zhang's residual: what a smoothed log spectrum does not tell."""
    low, high = image.min(), image.max()
    gray = intensity((image - low) / (high - low))
    small = torch.tensor(resized(gray, 64, 64), dtype=torch.complex128)
    k = torch.arange(64, dtype=torch.float64)
    wave = torch.polar(torch.ones(64, 64, dtype=torch.float64), -2 * math.pi / 64 * k[:, None] * k)
    spectrum = (wave @ small @ wave).tolist()
    floor = torch.finfo(torch.float64).eps * max(abs(z) for row in spectrum for z in row)
    log = [[math.log(max(abs(z), floor)) for z in row] for row in spectrum]
    mean = filtered(log, (1 / 3, 1 / 3, 1 / 3))
    white = [
        [
            cmath.exp(log[y][x] - mean[y][x]) * spectrum[y][x] / max(abs(spectrum[y][x]), floor)
            for x in range(64)
        ]
        for y in range(64)
    ]
    back = (wave.conj() @ torch.tensor(white, dtype=torch.complex128) @ wave.conj()).abs() / 64**2
    bell = [math.exp(-(k**2) / 128) for k in range(-2, 3)]
    smooth = [[value**2 for value in row] for row in filtered(back.tolist(), bell)]
    saliency = torch.tensor(resized(smooth, *image.shape[1:]), dtype=torch.float64)
    return saliency / saliency.max()


@pytest.mark.parametrize("ch", [1, 3, 4])
@pytest.mark.parametrize("size", SIZES)
def test_fine_grained_is_the_loop(size, ch):
    images = torch.rand(
        2, ch, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    found = fine_grained_saliency(images)
    for image, saliency in zip(images, found, strict=True):
        assert_close(saliency, fine_grained_loop(image))


@pytest.mark.parametrize(("size", "ch"), [((9, 14), 3), ((64, 64), 1), ((80, 70), 3)])
def test_spectral_residual_is_the_loop(size, ch):
    images = pictures(2, ch, size)[0].double()
    found = spectral_residual_saliency(images)
    assert_close(found[0], spectral_residual_loop(images[0]), rtol=1e-5, atol=1e-5)


def of_opencv(height, width):
    """The picture that OpenCV was given: (H, W), whole numbers from 0 to 255."""
    y, x = torch.arange(height)[:, None], torch.arange(width)
    gray = 2 * y + x + (7 * y * x) % 31
    spot = (y - height // 3) ** 2 + (x - 2 * width // 3) ** 2 < (width // 6) ** 2
    return torch.where(spot, 255, gray)[None, None].float()


def test_fine_grained_is_that_of_opencv():
    # StaticSaliencyFineGrained of OpenCV 5.0.0, every 9th row and 11th column, times 255. It rounds
    # down to whole numbers at each of six scales: up to 0.035 off on colour pictures of 32 to 224
    # pixels a side, 0.015 here.
    theirs = torch.tensor(
        [
            [248, 221, 220, 245, 224, 203],
            [192, 156, 139, 241, 240, 113],
            [142, 100, 106, 213, 240, 60],
            [87, 52, 68, 40, 45, 46],
            [42, 15, 14, 13, 34, 38],
        ]
    )
    saliency = fine_grained_saliency(of_opencv(40, 60))[0]
    assert_close(saliency[::9, ::11], theirs / 255, rtol=0, atol=0.02)
    assert saliency.argmax() == 32  # the first row


def test_spectral_residual_is_that_of_opencv():
    # StaticSaliencySpectralResidual of OpenCV 5.0.0, every 13th pixel, times 1000. It rounds
    # to bytes before the spectrum: 0.002 off here, more where an image has to be made larger.
    theirs = torch.tensor(
        [
            [172, 113, 132, 98, 97],
            [96, 60, 45, 504, 127],
            [111, 43, 67, 19, 257],
            [66, 41, 50, 41, 53],
            [69, 48, 56, 47, 41],
        ]
    )
    saliency = spectral_residual_saliency(of_opencv(64, 64))[0]
    assert_close(saliency[::13, ::13], theirs / 1000, rtol=0, atol=0.003)
    assert saliency.argmax() == 14 * 64 + 35


@both
@pytest.mark.parametrize("scale", [1e-3, 1.0, 255.0])
@pytest.mark.parametrize("offset", [-2.0, 0.0, 0.4])
def test_scale_and_offset_make_no_difference(saliency, scale, offset):
    images = pictures()[0].double()
    assert_close(saliency(scale * (images + offset)), saliency(images), rtol=0, atol=1e-7)


@both
def test_the_spot_is_the_most_salient(saliency):
    images, spots = pictures(16)
    peaks = saliency(images).flatten(1).argmax(1)
    peaks = torch.stack([peaks // 30, peaks % 30], 1)
    assert (peaks - spots).abs().max() <= 4


@both
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [*SIZES, (224, 200)])
def test_range_and_dtype(saliency, size, dtype):
    images = torch.randn(3, 3, *size, generator=torch.Generator().manual_seed(2)).to(dtype)
    before = images.clone()
    found = saliency(images)
    assert torch.equal(images, before)
    assert found.shape == (3, *size)
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert found.min() >= 0
    assert_close(found.amax((1, 2)), torch.ones(3, dtype=found.dtype))
    assert_close(found, saliency(images.double()).to(found.dtype), rtol=0, atol=2e-3)
    alone = torch.cat([saliency(image[None]) for image in images])
    assert_close(found, alone, rtol=0, atol=1e-5)


@both
@pytest.mark.parametrize("value", [0.0, 0.3, -1.7])
def test_an_image_of_one_colour_has_none(saliency, value):
    images = torch.full((2, 3, 9, 7), value) * torch.tensor([1, 0.5, 0.3])[:, None, None]
    assert torch.equal(saliency(images), torch.zeros(2, 9, 7))


@both
def test_it_makes_no_graph_is_one_graph_and_minds_neither_autocast_nor_layout(saliency):
    images = pictures()[0]
    with Waits() as waits:
        expected = saliency(images)
    assert waits.found == []
    assert not saliency(images.clone().requires_grad_()).requires_grad
    for layout in LAYOUTS:
        assert_close(saliency(images_in(layout, images)), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(saliency(images), expected)
    compiled = torch.compile(saliency, fullgraph=True, backend="aot_eager")
    assert_close(compiled(images), expected, rtol=0, atol=1e-4)


@both
def test_errors(saliency):
    with pytest.raises(TypeError, match="images must be floating point"):
        saliency(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"images must be \(N, ch, H, W\)"):
        saliency(torch.zeros(3, 4, 4))
    assert saliency(torch.zeros(0, 3, 4, 4)).shape == (0, 4, 4)
