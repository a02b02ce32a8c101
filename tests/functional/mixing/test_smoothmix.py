"""SmoothMix: against a loop over pixels, and what is in the images."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import (
    MixedLabels,
    draw_centers,
    draw_lam,
    draw_pairing,
    draw_sigma,
    smoothmix,
)
from dmmix.testing import assert_labels_match_pixels
from tests.functional.mixing_reference import LAYOUTS, images_in
from tests.mixups.waits import Waits

SIZES = [(8, 8), (5, 9), (13, 6), (1, 7)]
given_both_ways = pytest.mark.parametrize("by", ["sigma", "lam"])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draws(n, by="sigma", seed=0):
    g = generator(seed)
    sigma, lam = draw_sigma(n, generator=g), draw_lam(n, 1.0, g)
    options = dict(sigma=sigma) if by == "sigma" else {}
    return (None if options else lam, draw_pairing(n, g), draw_centers(n, g)), options


def batch(n=4, ch=3, size=(8, 8), dtype=torch.float32, layout="contiguous"):
    images = torch.randn(n, ch, *size, generator=generator(9), dtype=torch.float64).to(dtype)
    return images_in(layout, images), torch.arange(n)


def loop(images, sigma, index, centers):
    """One pixel at a time; the share of the first image is that of the pixels."""
    n, _, height, width = images.shape
    mixed, shares = torch.empty_like(images), []
    for i in range(n):
        kept = 0.0
        for y in range(height):
            for x in range(width):
                dy = ((y + 0.5) / height - centers[i, 0].item()) / sigma[i].item()
                dx = ((x + 0.5) / width - centers[i, 1].item()) / sigma[i].item()
                spot = math.exp(-(dy * dy + dx * dx) / 2)
                mixed[i, :, y, x] = (1 - spot) * images[i, :, y, x]
                mixed[i, :, y, x] += spot * images[index[i], :, y, x]
                kept += 1 - spot
        shares.append(kept / (height * width))
    return mixed, torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", SIZES)
def test_is_the_loop_from_the_paper(size, layout):
    for ch in (1, 3):
        images, labels = batch(5, ch, size, torch.float64, layout)
        (_, index, centers), options = draws(5, seed=ch)
        mixed = smoothmix(images, labels, None, index, centers, **options)
        expected, shares = loop(images, options["sigma"], index, centers)
        assert_close(mixed.images, expected)
        assert_close(mixed.labels.shares[:, 0], shares)
        assert torch.equal(mixed.labels.classes, torch.stack([labels, labels[index]], 1))


def test_the_first_image_is_what_lies_around_the_spot():
    """The pitfall of swapped labels: a small spot leaves most of the first image."""
    images = torch.zeros(2, 1, 21, 21)
    images[0] = 1
    centers = torch.full((2, 2), 0.5)
    mixed = smoothmix(
        images, torch.arange(2), None, torch.tensor([1, 0]), centers, sigma=torch.tensor([0.1] * 2)
    )
    assert mixed.images[0, 0, 0, 0] > 0.99
    assert mixed.images[0, 0, 10, 10] == 0
    assert bool((mixed.labels.shares[:, 0] > 0.9).all())
    assert mixed.labels.classes.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("size", [(8, 8), (5, 9), (32, 48)])
def test_a_wanted_share_is_met(size):
    n = 400
    images, labels = batch(n, 1, size)
    lam = torch.cat([draw_lam(n - 100, 0.3, generator()), torch.linspace(0, 1, 100).double()])
    index, centers = draw_pairing(n, generator()), draw_centers(n, generator())
    centers[:9] = 0.5  # for odd sizes in the middle of a pixel
    share = smoothmix(images, labels, lam, index, centers).labels.shares[:, 0].double()
    # As close as a spot of one pixel allows, whose partner has all of that pixel.
    near_one = lam > 1 - 2 / (size[0] * size[1])
    assert_close(share[~near_one], lam[~near_one], rtol=0, atol=2e-6)
    assert bool((share - lam).abs().max() <= 1 / (size[0] * size[1]) + 1e-6)


def test_the_share_found_is_that_of_a_spot():
    images, labels = batch(5, 1, (9, 14), torch.float64)
    (_, index, centers), options = draws(5)
    drawn = smoothmix(images, labels, None, index, centers, **options)
    found = smoothmix(images, labels, drawn.labels.shares[:, 0], index, centers)
    assert_close(found.images, drawn.images, rtol=0, atol=1e-7)


@pytest.mark.parametrize("size", [(8, 8), (5, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_of_one_image(value, dtype, size):
    images, labels = batch(4, 3, size, dtype)
    index = draw_pairing(4, generator())
    centers = torch.tensor([[0.5, 0.5], [0.1, 0.9], [0.0, 0.0], [0.3, 0.3]])
    mixed = smoothmix(images, labels, torch.full((4,), value), index, centers)
    assert_close(mixed.images, images if value else images[index])
    assert_close(mixed.labels.shares[:, 0].double(), torch.full((4,), value).double())


def test_the_spot_has_the_proportions_of_the_image():
    images, labels = torch.zeros(1, 1, 20, 60), torch.zeros(1).long()
    mask = smoothmix(
        images,
        labels,
        None,
        torch.tensor([0]),
        torch.tensor([[0.5, 0.5]]),
        sigma=torch.tensor([0.2]),
    ).mask[0, 0]
    assert_close(mask[:, 30], mask[:, 29])
    thirds = mask[:, 1::3]  # every third column is a row, turned
    assert_close(thirds, thirds.T)
    assert_close(mask, mask.flip(0))
    assert_close(mask, mask.flip(1))


@given_both_ways
@pytest.mark.parametrize("size", [*SIZES, (1, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_provenance(size, dtype, by):
    # A bfloat16 pixel holds 1 - m to 8 bits.
    atol = 1e-5 if dtype == torch.float32 else 2**-8
    for n in (1, 2, 7):
        given, options = draws(n, by, seed=n)

        def mix(images, labels, given=given, options=options):
            return smoothmix(images, labels, *given, **options)

        for channels in (None, 1, 3):
            for layout in (torch.contiguous_format, torch.channels_last):
                assert_labels_match_pixels(
                    mix, n, size, channels=channels, dtype=dtype, memory_format=layout, atol=atol
                )


@given_both_ways
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_the_result_has_the_form_of_the_images(dtype, by):
    given, options = draws(4, by)
    images, labels = batch(4, 3, (8, 6), dtype, "channels_last")
    mixed = smoothmix(images, labels, *given, **options)
    assert mixed.images.dtype == dtype
    assert mixed.images.is_contiguous(memory_format=torch.channels_last)
    shares = torch.float64 if dtype == torch.float64 else torch.float32
    assert mixed.labels.shares.dtype == mixed.mask.dtype == shares
    assert mixed.mask.shape == (4, 1, 8, 6)
    assert_close(mixed.labels.shares[:, 0], mixed.mask.mean((1, 2, 3)))
    out = torch.empty_like(images)
    again = smoothmix(images, labels, *given, **options, out=out)
    assert again.images is out
    assert torch.equal(out, mixed.images)


@given_both_ways
def test_labels_in_every_form(by):
    images, labels = batch(6)
    given, options = draws(6, by)
    sparse = smoothmix(images, labels, *given, **options)
    dense = smoothmix(images, torch.eye(6), *given, **options)
    assert torch.equal(sparse.images, dense.images)
    assert_close(dense.labels, sparse.labels.dense(6))
    twice = smoothmix(sparse.images, sparse.labels, *given, **options)
    assert twice.labels.classes.shape == (6, 4)
    twice.labels.validate(6)


@given_both_ways
def test_inputs_are_untouched_and_nothing_waits(by):
    images, labels = batch(5, layout="strided")
    given, options = draws(5, by)
    tensors = [t for t in (images, labels, *given, *options.values()) if t is not None]
    copies, versions = [t.clone() for t in tensors], [t._version for t in tensors]
    with Waits() as waits:
        a = smoothmix(images, labels, *given, **options, check=False)
    assert waits.found == []
    assert torch.equal(a.images, smoothmix(images, labels, *given, **options).images)
    assert all(torch.equal(x, y) for x, y in zip(copies, tensors, strict=True))
    assert versions == [t._version for t in tensors]


@given_both_ways
def test_a_sample_paired_with_itself_stays_as_it_is(by):
    images, labels = batch(5)
    (lam, _, centers), options = draws(5, by)
    mixed = smoothmix(images, labels, lam, torch.arange(5), centers, **options)
    assert torch.equal(mixed.images, images)
    assert_close(mixed.labels.dense(5), torch.eye(5))


def test_gradients_flow_to_both_images():
    images, labels = batch(3, 1, (4, 5), torch.float64)
    given, options = draws(3)
    images.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: smoothmix(x, labels, *given, **options).images, (images,)
    )


@given_both_ways
def test_an_empty_batch(by):
    given, options = draws(0, by)
    mixed = smoothmix(*batch(0), *given, **options)
    assert mixed.images.shape == (0, 3, 8, 8)
    assert mixed.labels.classes.shape == (0, 2)


@given_both_ways
def test_one_compiled_graph(by):
    torch._dynamo.reset()
    compiled = torch.compile(smoothmix, fullgraph=True, backend="eager")
    images, labels = batch(4)
    given, options = draws(4, by)
    for some in (labels, torch.eye(4), MixedLabels.from_labels(labels)):
        expected = smoothmix(images, some, *given, **options)
        got = compiled(images, some, *given, **options)
        assert_close(got.mask, expected.mask)
        assert_close(got.images, expected.images)


def test_widths_are_uniform_and_from_the_generator_alone():
    stats = pytest.importorskip("scipy.stats")
    state = torch.get_rng_state()
    sigma = draw_sigma(5000, 0.25, 0.5, generator(3))
    assert torch.equal(sigma, draw_sigma(5000, generator=generator(3)))
    assert torch.equal(state, torch.get_rng_state())
    assert stats.kstest((sigma.numpy() - 0.25) * 4, "uniform").pvalue > 1e-3
    one = draw_sigma(6, 0.1, 0.2, generator(), per_batch=True)
    assert one.shape == (6,)
    assert bool((one == one[0]).all())
    for low, high in [(0, 1), (0.5, 0.4), (0.1, math.inf), (math.nan, 1)]:
        with pytest.raises(ValueError, match="low and high must satisfy 0 < low <= high"):
            draw_sigma(3, low, high)


def test_mistakes_are_named():
    images, labels = batch(4)
    (lam, index, centers), _ = draws(4, "lam")
    sigma = torch.full((4,), 0.3)
    with pytest.raises(ValueError, match=r"either lam or sigma must be given.*got both"):
        smoothmix(images, labels, lam, index, centers, sigma=sigma)
    with pytest.raises(ValueError, match=r"either lam or sigma must be given.*got neither"):
        smoothmix(images, labels, None, index, centers)
    with pytest.raises(ValueError, match=r"sigma must be \(4,\) for 4 images, got \(2,\)"):
        smoothmix(images, labels, None, index, centers, sigma=sigma[:2])
    with pytest.raises(TypeError, match=r"sigma must be floating point, got torch\.int64"):
        smoothmix(images, labels, None, index, centers, sigma=sigma.long())
    for bad in (0.0, -1.0, math.inf, math.nan):
        sigma[2] = bad
        with pytest.raises(ValueError, match=r"sigma must be in \(0, inf\), got .* for sample 2"):
            smoothmix(images, labels, None, index, centers, sigma=sigma)
    with pytest.raises(ValueError, match=r"lam must be in \[0, 1\], got 2 for sample 0"):
        smoothmix(images, labels, lam * 0 + 2, index, centers)
    with pytest.raises(ValueError, match=r"centers must be in \[0, 1\), got 2 for sample 0"):
        smoothmix(images, labels, lam, index, centers * 0 + 2)
    with pytest.raises(TypeError, match=r"images must be floating point, got torch\.uint8"):
        smoothmix(images.byte(), labels, lam, index, centers)
