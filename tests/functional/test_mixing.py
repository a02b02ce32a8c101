"""Mixes as functions: against loops from the papers, and against what is in the images."""

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from dmmix.functional import (
    Mixed,
    MixedLabels,
    cutmix,
    draw_centers,
    draw_lam,
    draw_pairing,
    mixup,
)
from dmmix.functional.mixing import unmixed
from dmmix.functional.tensors.draws import to_device
from tests.machine import needs_a_compiler
from tests.pairwise import pairwise

from . import mixing_reference as reference

SIZES = [(8, 8), (5, 9), (13, 6), (1, 7)]
DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draws(n, alpha=1.0, seed=0):
    """lam, index and centers for a batch."""
    g = generator(seed)
    return draw_lam(n, alpha, g), draw_pairing(n, g), draw_centers(n, g)


def batch(n=4, ch=3, size=(8, 8), dtype=torch.float32, layout="contiguous", seed=0):
    images = torch.randn(n, ch, *size, generator=generator(seed)).to(dtype)
    return reference.images_in(layout, images), torch.arange(n)


def call(name, images, labels, lam, index, centers, **options):
    if name == "mixup":
        return mixup(images, labels, lam, index, **options)
    return cutmix(images, labels, lam, index, centers, inside=name == "inside", **options)


MIXES = ["mixup", "cutmix", "inside"]


# -- against the papers ------------------------------------------------------------------------


@pytest.mark.parametrize("layout", reference.LAYOUTS)
@pytest.mark.parametrize("size", SIZES)
def test_mixup_is_the_loop_from_the_paper(size, layout):
    images, labels = batch(6, 3, size, torch.float64, layout)
    lam, index, _ = draws(6)
    mixed = mixup(images, labels, lam, index)
    expected, shares = reference.mixup(images, lam.tolist(), index.tolist())
    assert_close(mixed.images, expected)
    assert_close(mixed.labels.shares[:, 0], torch.tensor(shares, dtype=torch.float64))
    assert torch.equal(mixed.labels.classes, torch.stack([labels, labels[index]], 1))


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("layout", reference.LAYOUTS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_cutmix_is_the_loop_from_the_paper(size, layout, inside, seed):
    images, labels = batch(8, 3, size, torch.float64, layout)
    lam, index, centers = draws(8, seed=seed)
    mixed = cutmix(images, labels, lam, index, centers, inside=inside)
    expected, shares = reference.cutmix(
        images, lam.tolist(), index.tolist(), centers.tolist(), inside
    )
    assert torch.equal(mixed.images, expected)
    assert_close(mixed.labels.shares[:, 0], torch.tensor(shares, dtype=torch.float64))
    assert torch.equal(mixed.labels.classes, torch.stack([labels, labels[index]], 1))


# -- what is in the images is what the labels say ----------------------------------------------


@pytest.mark.parametrize(
    *pairwise(
        name=MIXES, size=SIZES, n=[1, 2, 7], ch=[1, 3], dtype=DTYPES, layout=reference.LAYOUTS
    )
)
def test_provenance(name, size, n, ch, dtype, layout):
    lam, index, centers = draws(n, seed=n)

    def mix(images):
        return call(name, images, torch.arange(n), lam, index, centers)

    found = reference.provenance(lambda x: mix(x).images, (n, ch, *size), dtype, layout)
    mixed = mix(torch.zeros(n, ch, *size, dtype=dtype))
    told = mixed.labels.dense(n).double()
    # A bfloat16 pixel holds 1 - lam to 8 bits, a box is exact up to the label's own rounding.
    tolerance = {torch.float32: 1e-7, torch.float64: 1e-15, torch.bfloat16: 2**-8}[dtype]
    if name != "mixup" and dtype == torch.bfloat16:
        tolerance = 1e-7
    assert_close(told, found, rtol=0, atol=tolerance)
    # And the mask says the same.
    first = mixed.mask.double().expand(n, 1, *size).mean((1, 2, 3))
    assert_close(first, mixed.labels.shares[:, 0].double(), rtol=0, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_mixup_in_half_precision_tells_the_share_that_the_pixels_have(dtype):
    lam = draw_lam(64, 1.0, generator())
    index = (torch.arange(64) + 1) % 64
    images = torch.zeros(64, 1, 2, 2, dtype=dtype)
    images[::2] = 1
    mixed = mixup(images, torch.arange(64), lam, index)
    white = mixed.images[::2].float().mean((1, 2, 3))
    assert torch.equal(mixed.labels.shares[::2, 0], white)
    assert not torch.equal(mixed.labels.shares[::2, 0], lam[::2].float())
    assert mixed.labels.shares.dtype == torch.float32


def test_a_sample_paired_with_itself_stays_as_it_is():
    for dtype in DTYPES:
        images, labels = batch(5, dtype=dtype)
        lam, _, centers = draws(5)
        for name in MIXES:
            mixed = call(name, images, labels, lam, torch.arange(5), centers)
            assert torch.equal(mixed.images, images)
            assert_close(mixed.labels.dense(5), torch.eye(5, dtype=mixed.labels.shares.dtype))


@pytest.mark.parametrize("name", MIXES)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_of_one_image(name, value):
    images, labels = batch(4)
    _, index, _ = draws(4)
    centers = torch.full((4, 2), 0.5)
    mixed = call(name, images, labels, torch.full((4,), value), index, centers)
    assert torch.equal(mixed.images, images if value else images[index])
    assert torch.equal(mixed.labels.shares[:, 0], torch.full((4,), value))


def test_the_box_of_cutmix_reaches_all_pixels_alike_left_and_right():
    n, size = 20000, (6, 9)
    images = torch.zeros(n, 1, *size)
    lam, index, centers = draws(n)
    pasted = ~cutmix(images, torch.zeros(n).long(), lam, index, centers).mask
    cover = pasted[:, 0].double().mean(0)
    assert_close(cover, cover.flip(0), rtol=0, atol=0.015)
    assert_close(cover, cover.flip(1), rtol=0, atol=0.015)


def test_inside_meets_the_share_up_to_rounding():
    images, labels = batch(500, 1, (32, 48))
    lam, index, centers = draws(500)
    share = cutmix(images, labels, lam, index, centers, inside=True).labels.shares[:, 0]
    # Half a pixel on each side at most.
    assert (share - lam).abs().max() < 0.5 / 32 + 0.5 / 48 + 0.25 / (32 * 48)


# -- labels in every form ----------------------------------------------------------------------


@pytest.mark.parametrize("name", MIXES)
def test_dense_labels_stay_dense_and_agree(name):
    images, labels = batch(6)
    lam, index, centers = draws(6)
    sparse = call(name, images, labels, lam, index, centers)
    dense = call(name, images, torch.eye(6), lam, index, centers)
    assert torch.equal(sparse.images, dense.images)
    assert_close(dense.labels, sparse.labels.dense(6))
    half = call(name, images, torch.eye(6).bfloat16(), lam, index, centers)
    assert half.labels.dtype == torch.float32
    assert_close(half.labels, dense.labels)


@pytest.mark.parametrize("name", MIXES)
def test_mixes_in_a_row(name):
    images, _ = batch(6)
    first = mixup(images, torch.arange(6), *draws(6, seed=1)[:2])
    lam, index, centers = draws(6, seed=2)
    second = call(name, first.images, first.labels, lam, index, centers)
    dense = call(name, first.images, first.labels.dense(6), lam, index, centers)
    assert second.labels.classes.shape == (6, 4)
    assert_close(second.labels.dense(6), dense.labels)
    second.labels.validate(6)


def test_smoothed_labels_keep_their_smoothing():
    images, labels = batch(4)
    lam, index, centers = draws(4)
    smoothed = MixedLabels(labels[:, None], torch.ones(4, 1), torch.full((4,), 0.1))
    mixed = cutmix(images, smoothed, lam, index, centers)
    dense = cutmix(images, smoothed.dense(4), lam, index, centers)
    assert_close(mixed.labels.dense(4), dense.labels)


@pytest.mark.parametrize("name", MIXES)
def test_dtypes_of_the_result(name):
    lam, index, centers = draws(4)
    for dtype in [*DTYPES, torch.float16]:
        images, labels = batch(dtype=dtype)
        for given_lam in (lam, lam.float()):
            mixed = call(name, images, labels, given_lam, index, centers.to(given_lam.dtype))
            assert mixed.images.dtype == dtype
            expected = torch.float64 if dtype == torch.float64 else torch.float32
            assert mixed.labels.shares.dtype == expected
            assert mixed.mask.dtype == (expected if name == "mixup" else torch.bool)


@pytest.mark.parametrize("name", MIXES)
def test_masks_broadcast(name):
    images, labels = batch(4, 3, (5, 7))
    lam, index, centers = draws(4)
    mixed = call(name, images, labels, lam, index, centers)
    assert mixed.mask.shape == ((4, 1, 1, 1) if name == "mixup" else (4, 1, 5, 7))
    mask = mixed.mask.float()
    assert_close(mask * images + (1 - mask) * images[index], mixed.images)


@pytest.mark.parametrize("name", MIXES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_format_is_kept(name, dtype):
    lam, index, centers = draws(4)
    images, labels = batch(4, 3, (8, 6), dtype, "channels_last")
    mixed = call(name, images, labels, lam, index, centers)
    assert mixed.images.is_contiguous(memory_format=torch.channels_last)
    images, labels = batch(4, 3, (8, 6), dtype)
    assert call(name, images, labels, lam, index, centers).images.is_contiguous()


@pytest.mark.parametrize("name", MIXES)
def test_gradients_flow_to_both_images(name):
    images, labels = batch(3, 1, (4, 5), torch.float64)
    lam, index, centers = draws(3)
    images.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: call(name, x, labels, lam, index, centers).images, (images,)
    )


@pytest.mark.parametrize("name", MIXES)
def test_an_empty_batch(name):
    mixed = call(name, *batch(0), *draws(0))
    assert mixed.images.shape == (0, 3, 8, 8)
    assert mixed.labels.classes.shape == (0, 2)


@settings(deadline=None, max_examples=60)
@given(
    name=st.sampled_from(MIXES),
    n=st.integers(1, 5),
    ch=st.integers(1, 3),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    dtype=st.sampled_from(DTYPES),
    layout=st.sampled_from(reference.LAYOUTS),
    alpha=st.floats(1e-3, 10),
    seed=st.integers(0, 2**31),
)
def test_shares_sum_to_one_and_inputs_are_untouched(name, n, ch, size, dtype, layout, alpha, seed):
    images, labels = batch(n, ch, size, dtype, layout, seed)
    lam, index, centers = draws(n, alpha, seed)
    given_in = (images, labels, lam, index, centers)
    copies = [t.clone() for t in given_in]
    versions = [t._version for t in given_in]
    mixed = call(name, *given_in)
    for before, after in zip(copies, given_in, strict=True):
        assert torch.equal(before, after)
    assert versions == [t._version for t in given_in]
    assert mixed.images.data_ptr() != images.data_ptr()
    mixed.labels.validate(n)
    total = mixed.labels.shares.sum(1)
    assert_close(total, torch.ones_like(total), rtol=0, atol=1e-6)
    again = call(name, *given_in)
    assert torch.equal(mixed.images, again.images)
    assert torch.equal(mixed.labels.shares, again.labels.shares)


# -- into memory that is given -------------------------------------------------------------------


@pytest.mark.parametrize("name", MIXES)
@pytest.mark.parametrize(
    *pairwise(
        dtype=[*DTYPES, torch.float16], given_layout=reference.LAYOUTS, layout=reference.LAYOUTS,
        size=[(8, 8), (5, 9), (1, 7)], n=[1, 4],
    )
)  # fmt: skip
def test_out_gets_what_a_new_tensor_would(name, dtype, given_layout, layout, size, n):
    for ch in (1, 3):
        images, labels = batch(n, ch, size, dtype, layout)
        before, version = images.clone(), images._version
        lam, index, centers = draws(n)
        expected = call(name, images, labels, lam, index, centers)
        given_out = torch.full((n, ch, *size), math.nan, dtype=dtype)
        given_out = reference.images_in(given_layout, given_out)
        strides = given_out.stride()
        mixed = call(name, images, labels, lam, index, centers, out=given_out)
        assert mixed.images is given_out
        assert given_out.stride() == strides
        # lerp may round differently over other runs of memory.
        tolerance = 2 * torch.finfo(dtype).eps if name == "mixup" else 0
        assert_close(given_out, expected.images, rtol=tolerance, atol=tolerance)
        assert torch.equal(mixed.labels.shares, expected.labels.shares)
        assert torch.equal(mixed.labels.classes, expected.labels.classes)
        assert torch.equal(mixed.mask, expected.mask)
        assert torch.equal(images, before)
        assert images._version == version


@pytest.mark.parametrize("name", MIXES)
def test_out_is_used_again(name):
    images, labels = batch(6)
    given_out = torch.empty_like(images)
    for seed in range(3):
        lam, index, centers = draws(6, seed=seed)
        call(name, images, labels, lam, index, centers, out=given_out)
        expected = call(name, images, labels, lam, index, centers)
        assert_close(given_out, expected.images, rtol=1e-6, atol=1e-6)
    empty = torch.empty(0, 3, 8, 8)
    assert call(name, *batch(0), *draws(0), out=empty).images is empty


@pytest.mark.parametrize("name", MIXES)
def test_out_of_pixels_that_fill_no_whole_run(name):
    images, labels = batch(3, 1, (37, 59))  # 2183 = 37 * 59 pixels, more than a run
    lam, index, centers = draws(3)
    mixed = call(name, images, labels, lam, index, centers, out=torch.empty_like(images))
    expected = call(name, images, labels, lam, index, centers)
    assert_close(mixed.images, expected.images, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("given_out", "error", "message"),
    [
        (
            torch.empty(3, 3, 8, 8),
            ValueError,
            r"out must be \(4, 3, 8, 8\) .*got \(3, 3, 8",
        ),
        (torch.empty(4, 8, 8, 3), ValueError, r"out must be \(4, 3, 8, 8\).*got \(4, 8, 8, 3\)"),
        (torch.empty(4, 3, 64), ValueError, r"out must be \(4, 3, 8, 8\).*got \(4, 3, 64\)"),
        (torch.empty(4, 3, 8, 8).double(), TypeError, r"out must be torch\.float32 .*float64"),
        (torch.empty(4, 3, 8, 8, device="meta"), ValueError, "out must be on the device .*meta"),
        ([1], TypeError, "out must be a Tensor, got list"),
        (torch.empty(4, 3, 8, 8, requires_grad=True), ValueError, "out cannot be used with .*grad"),
    ],
)
@pytest.mark.parametrize("name", MIXES)
def test_a_bad_out_is_an_error(name, given_out, error, message):
    with pytest.raises(error, match=message):
        call(name, *batch(4), *draws(4), out=given_out)


@pytest.mark.parametrize("name", MIXES)
def test_out_has_memory_of_its_own(name):
    holder = torch.randn(2, 4, 3, 8, 8)
    for given_out in (holder[0], holder[0].transpose(2, 3)):
        with pytest.raises(ValueError, match="out must have memory of its own"):
            call(name, holder[0], torch.arange(4), *draws(4), out=given_out)
    several_in_one_place = torch.empty(3, 8, 8).expand(4, 3, 8, 8)
    with pytest.raises(RuntimeError, match="single memory location"):
        call(name, holder[0], torch.arange(4), *draws(4), out=several_in_one_place)


@pytest.mark.parametrize("name", MIXES)
def test_out_and_gradients(name):
    images, labels = batch(4)
    images.requires_grad_()
    with pytest.raises(ValueError, match=r"out cannot be used with images .* need a gradient"):
        call(name, images, labels, *draws(4), out=torch.empty(4, 3, 8, 8))
    with torch.no_grad():  # where none is taken
        given_out = torch.empty(4, 3, 8, 8)
        mixed = call(name, images, labels, *draws(4), out=given_out)
    assert mixed.images is given_out
    assert not given_out.requires_grad


# -- unmixed and where -------------------------------------------------------------------------


def test_unmixed_has_the_form_of_a_pair():
    images, labels = batch(4)
    plain = unmixed(images, labels)
    assert plain.images is images
    assert torch.equal(plain.labels.shares, torch.tensor([[1.0, 0.0]]).expand(4, 2))
    assert torch.equal(plain.labels.dense(4), torch.eye(4))
    assert torch.equal(unmixed(images, torch.eye(4)).labels, torch.eye(4))


def test_where_picks_samples():
    images, labels = batch(4, layout="channels_last")
    lam, index, centers = draws(4)
    rows = torch.tensor([True, False, True, False])
    for some in (labels, torch.eye(4)):
        a = mixup(images, some, lam, index)
        b = cutmix(images, some, lam, index, centers)
        both = Mixed.where(rows, a, b)
        assert both.images.is_contiguous(memory_format=torch.channels_last)
        assert both.mask.shape == (4, 1, 8, 8)
        for i in range(4):
            chosen = a if rows[i] else b
            assert torch.equal(both.images[i], chosen.images[i])
            assert torch.equal(both.mask[i], chosen.mask[i].float().expand(1, 8, 8))
            if isinstance(some, torch.Tensor) and some.ndim == 2:
                assert torch.equal(both.labels[i], chosen.labels[i])
            else:
                assert torch.equal(both.labels.shares[i], chosen.labels.shares[i])


# -- errors --------------------------------------------------------------------------------------


def changed(**change):
    images, labels = batch(4)
    lam, index, centers = draws(4)
    return dict(images=images, labels=labels, lam=lam, index=index, centers=centers) | change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(images=torch.zeros(4, 3, 8, 8, dtype=torch.uint8)), TypeError, "images.*uint8"),
        (dict(images=[1]), TypeError, "images must be a Tensor, got list"),
        (dict(labels=torch.arange(3)), ValueError, "labels must be as many as the 4 images, got 3"),
        (dict(labels=torch.eye(4).long()), TypeError, "labels must be"),
        (dict(labels=torch.ones(4) > 0), TypeError, "labels must be"),
        (dict(labels=torch.rand(4)), ValueError, r"soft labels must be \(N, C\)"),
        (dict(labels=[0, 1, 2, 3]), TypeError, "labels must be MixedLabels or a Tensor, got list"),
        (dict(labels=-torch.arange(4)), ValueError, "classes must be 0 or more, got -3"),
        (dict(labels=torch.eye(3)), ValueError, "labels must be as many"),
        (dict(lam=0.5), TypeError, "lam must be a Tensor, got float"),
        (dict(lam=torch.rand(4, 1)), ValueError, r"lam must be \(4,\)"),
        (dict(lam=torch.ones(4).long()), TypeError, "lam must be floating point"),
        (dict(lam=torch.tensor([0.1, 1.5, 0, 0])), ValueError, r"lam .*\[0, 1\], got 1.5 .*1"),
        (dict(lam=torch.full((4,), math.nan)), ValueError, r"lam must be in \[0, 1\], got nan"),
        (dict(index=torch.arange(3)), ValueError, r"index must be \(4,\) for 4 images"),
        (dict(index=torch.rand(4)), TypeError, "index must be int64 or int32"),
        (dict(index=torch.ones(4) > 0), TypeError, "index must be int64 or int32"),
        (dict(index=torch.tensor([0, 1, 4, 2])), ValueError, r"index .*\[0, 4\), got 4 .*sample 2"),
        (dict(index=torch.tensor([0, -1, 1, 2])), ValueError, r"index must be in \[0, 4\), got -1"),
        (dict(lam=torch.rand(4, device="meta")), ValueError, "lam must be on the device"),
    ],
)
@pytest.mark.parametrize("name", MIXES)
def test_errors_name_what_is_wrong(name, change, error, message):
    with pytest.raises(error, match=message):
        call(name, **changed(**change))


def test_errors_about_centers():
    with pytest.raises(ValueError, match=r"images must be \(N, ch, H, W\)"):
        cutmix(**changed(images=torch.zeros(4, 8, 8)))
    with pytest.raises(ValueError, match=r"centers must be \(4, 2\)"):
        cutmix(**changed(centers=torch.rand(4)))
    with pytest.raises(ValueError, match=r"centers must be in \[0, 1\), got -0.5 for sample 0"):
        cutmix(**changed(centers=torch.full((4, 2), -0.5)))


def test_values_are_not_looked_at_without_check():
    mixup(
        *(v for k, v in changed(lam=torch.full((4,), 2.0)).items() if k != "centers"), check=False
    )


# -- draws ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 2.0, 10.0])
def test_lam_is_beta(alpha):
    stats = pytest.importorskip("scipy.stats")
    lam = draw_lam(20000, alpha, generator(1))
    assert lam.dtype == torch.float64
    assert lam.shape == (20000,)
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


def test_one_draw_a_batch():
    assert draw_lam(5, 1.0, generator(), per_batch=True).unique().numel() == 1
    assert draw_lam(5, 1.0, generator()).unique().numel() == 5
    assert draw_centers(5, generator(), per_batch=True).unique(dim=0).shape == (1, 2)
    assert draw_centers(5, generator(), per_batch=True).shape == (5, 2)


def test_centers_are_uniform():
    stats = pytest.importorskip("scipy.stats")
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


def test_the_same_generator_gives_the_same_draws():
    for fixed_points in (True, False):
        a, b = (draw_pairing(9, generator(3), fixed_points) for _ in range(2))
        assert torch.equal(a, b)
    assert all(torch.equal(a, b) for a, b in zip(draws(9, seed=3), draws(9, seed=3), strict=True))
    assert not torch.equal(draws(9, seed=3)[0], draws(9, seed=4)[0])


def test_draws_leave_the_global_generator_alone():
    state = torch.get_rng_state()
    draws(9)
    draw_pairing(9, generator(), False)
    assert torch.equal(state, torch.get_rng_state())


def test_to_device_on_the_cpu():
    lam, index = to_device([draw_lam(3, 1.0), draw_pairing(3)], "cpu")
    assert lam.dtype == torch.float64
    assert index.dtype == torch.int64


# -- against other implementations ---------------------------------------------------------------


def same_distribution(ours, theirs):
    stats = pytest.importorskip("scipy.stats")
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-3


def our_cutmix_shares(n, size, alpha=1.0):
    images = torch.zeros(n, 1, 1, 1).expand(n, 1, *size)
    lam, index, centers = draws(n, alpha, seed=5)
    return cutmix(images, torch.zeros(n).long(), lam, index, centers).labels.shares[:, 0].numpy()


def torchvision_v2():
    compat = pytest.importorskip("dmmix.compat")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compat.prepare()
        return pytest.importorskip("torchvision.transforms.v2")


def torchvision_shares(transform, size, draws=1500):
    images, labels = torch.zeros(2, 1, *size), torch.tensor([0, 1])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return [transform(images, labels)[1][0, 0].item() for _ in range(draws)]


def test_cutmix_has_the_areas_of_the_paper_without_pixels():
    np = pytest.importorskip("numpy")
    random = np.random.default_rng(0)
    side = np.sqrt(1 - random.random((5000, 1)))
    center = random.random((5000, 2))
    edges = np.minimum(center + side / 2, 1) - np.maximum(center - side / 2, 0)
    same_distribution(our_cutmix_shares(5000, (96, 160)), 1 - edges.prod(1))


def test_cutmix_has_the_areas_of_torchvision():
    # A large image: torchvision cuts half a side down to whole pixels, so its boxes are small.
    transform = torchvision_v2().CutMix(alpha=1.0, num_classes=2)
    theirs = torchvision_shares(transform, (512, 400), draws=500)
    same_distribution(our_cutmix_shares(1500, (96, 160)), theirs)


def test_mixup_has_the_shares_of_torchvision():
    theirs = torchvision_shares(torchvision_v2().MixUp(alpha=0.4, num_classes=2), (1, 1))
    same_distribution(draw_lam(1500, 0.4, generator(6)).numpy(), theirs)


def timm_shares(size, draws=1500, **options):
    compat = pytest.importorskip("dmmix.compat")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compat.prepare()
        data = pytest.importorskip("timm.data.mixup")
    np = pytest.importorskip("numpy")
    mix = data.Mixup(label_smoothing=0.0, num_classes=2, mode="batch", **options)
    labels, before = torch.tensor([0, 1]), np.random.get_state()
    np.random.seed(0)
    try:
        return [mix(torch.zeros(2, 1, *size), labels)[1][0, 0].item() for _ in range(draws)]
    finally:
        np.random.set_state(before)


def test_cutmix_has_the_areas_of_timm():
    theirs = timm_shares((96, 160), mixup_alpha=0.0, cutmix_alpha=1.0)
    same_distribution(our_cutmix_shares(1500, (96, 160)), theirs)


def test_mixup_has_the_shares_of_timm():
    theirs = timm_shares((1, 1), mixup_alpha=0.4, cutmix_alpha=0.0)
    same_distribution(draw_lam(1500, 0.4, generator(7)).numpy(), theirs)


# -- compiled and on the device --------------------------------------------------------------------


@pytest.mark.parametrize("name", MIXES)
@pytest.mark.parametrize(
    "backend", ["eager", pytest.param("inductor", marks=[pytest.mark.slow, needs_a_compiler])]
)
def test_one_compiled_graph(name, backend):
    torch._dynamo.reset()
    compiled = torch.compile(call, fullgraph=True, backend=backend)
    for layout in ("contiguous", "channels_last"):
        images, labels = batch(4, layout=layout)
        lam, index, centers = draws(4)
        for some in (labels, torch.eye(4), MixedLabels(labels[:, None], torch.ones(4, 1))):
            expected = call(name, images, some, lam, index, centers)
            got = compiled(name, images, some, lam, index, centers)
            assert_close(got.images, expected.images)
            assert_close(got.mask, expected.mask)
            if isinstance(expected.labels, MixedLabels):
                assert torch.equal(got.labels.classes, expected.labels.classes)
                assert_close(got.labels.shares, expected.labels.shares)
            else:
                assert_close(got.labels, expected.labels)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", MIXES)
def test_cuda_gives_what_the_cpu_gives_without_waiting(name):
    images, labels = batch(16, 3, (9, 14))
    there = images.cuda(), labels.cuda()
    expected = call(name, images, labels, *draws(16))
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        got = call(name, *there, *to_device(draws(16), "cuda"))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert_close(got.images.cpu(), expected.images)
    assert_close(got.labels.shares.cpu(), expected.labels.shares)
    assert torch.equal(got.labels.classes.cpu(), expected.labels.classes)


@pytest.mark.parametrize("shape", [(5,), (3, 16), (3, 4, 4), (2, 3, 8, 8), (2, 3, 2, 4, 4)])
def test_mixup_takes_any_axes_after_the_first(shape):
    """It is a weighted mean: features, series and video were refused for no reason."""
    images = torch.randn(4, *shape, dtype=torch.float64)
    lam, index = (
        torch.tensor([0.0, 0.25, 0.5, 1.0], dtype=torch.float64),
        torch.tensor([1, 2, 3, 0]),
    )
    mixed = mixup(images, torch.arange(4), lam, index)
    for i in range(4):
        expected = lam[i] * images[i] + (1 - lam[i]) * images[index[i]]
        assert_close(mixed.images[i], expected)
    assert mixed.mask.shape == (4, *[1] * len(shape))
    assert_close(mixed.labels.shares[:, 0], lam)
    plain = unmixed(images, torch.arange(4))
    chosen = type(mixed).where(torch.tensor([True, False, True, False]), mixed, plain)
    assert torch.equal(chosen.images[1::2], images[1::2])
    assert torch.equal(chosen.images[::2], mixed.images[::2])
    from dmmix.mixups import Mixup, RandomMix

    assert (
        RandomMix([Mixup()], fraction=0.5).mix(images, torch.arange(4)).images.shape == images.shape
    )


def test_mixup_needs_rows():
    with pytest.raises(ValueError, match=r"images must be \(N, ...\), one row a sample"):
        mixup(torch.randn(4), torch.arange(4), torch.ones(4), torch.arange(4))
