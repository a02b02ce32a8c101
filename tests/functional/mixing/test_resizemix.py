"""ResizeMix: against a loop from the paper, against torch's own resizing, and by its pixels."""

import math

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from dmmix.functional import draw_centers, draw_lam, draw_pairing, resizemix
from dmmix.testing import assert_labels_match_pixels, recover_shares
from tests.functional import mixing_reference as reference
from tests.mixups.waits import Waits

SIZES = [(8, 8), (5, 9), (13, 6), (1, 7)]
DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draws(n, seed=0):
    """lam, index and places for a batch, with scales as in the paper."""
    g = generator(seed)
    tau = 0.1 + 0.7 * draw_lam(n, 1.0, g)
    return 1 - tau.square(), draw_pairing(n, g), draw_centers(n, g)


def batch(n=4, ch=3, size=(8, 8), dtype=torch.float32, layout="contiguous"):
    images = torch.randn(n, ch, *size, generator=generator(5)).to(dtype)
    return reference.images_in(layout, images), torch.arange(n)


def box(lam, place, size):
    """(top, bottom, left, right) of one sample."""
    edges = []
    for length, fraction in zip(size, place, strict=True):
        side = round(math.sqrt(1 - lam) * length)
        start = min(math.floor(fraction * (length - side + 1)), length - side)
        edges += [start, start + side]
    return edges


def resize_line(values, side):
    """One line of pixels made shorter: a triangle around each new pixel, its sum 1."""
    scale = len(values) / side
    line = []
    for i in range(side):
        center, total, value = (i + 0.5) * scale, 0.0, 0.0
        for k, pixel in enumerate(values):
            weight = max(0.0, 1 - abs(k + 0.5 - center) / max(scale, 1.0))
            total += weight
            value += weight * pixel
        line.append(value / total)
    return line


def resizemix_loop(images, lam, index, places):
    height, width = images.shape[-2:]
    mixed, shares = images.clone(), []
    for i, j in enumerate(index):
        top, bottom, left, right = box(lam[i], places[i], (height, width))
        if bottom > top and right > left:
            for c in range(images.shape[1]):
                rows = [resize_line(row, right - left) for row in images[j, c].tolist()]
                columns = [resize_line(column, bottom - top) for column in zip(*rows, strict=True)]
                mixed[i, c, top:bottom, left:right] = torch.tensor(columns, dtype=images.dtype).T
        shares.append(1 - (bottom - top) * (right - left) / (height * width))
    return mixed, torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize("ch", [1, 3])
@pytest.mark.parametrize("layout", reference.LAYOUTS)
@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_loop_from_the_paper(size, layout, ch):
    for seed in range(3):
        images, labels = batch(6, ch, size, torch.float64, layout)
        lam, index, places = draws(6, seed)
        mixed = resizemix(images, labels, lam, index, places)
        expected, shares = resizemix_loop(images, lam.tolist(), index.tolist(), places.tolist())
        assert_close(mixed.images, expected)
        assert_close(mixed.labels.shares[:, 0], shares)
        assert torch.equal(mixed.labels.classes, torch.stack([labels, labels[index]], 1))


def test_the_box_holds_what_torch_makes_of_the_partner():
    size = (48, 33)
    images, labels = batch(12, 3, size)
    lam, index, places = draws(12)
    mixed = resizemix(images, labels, lam, index, places)
    for i in range(12):
        top, bottom, left, right = box(lam[i].item(), places[i].tolist(), size)
        expected = F.interpolate(
            images[index[i], None], (bottom - top, right - left), mode="bilinear", antialias=True
        )[0]
        assert_close(mixed.images[i, :, top:bottom, left:right], expected, rtol=1e-4, atol=1e-4)


def test_fine_stripes_do_not_alias():
    # Plain bilinear resizing to a tenth sees 4 of every 100 pixels.
    images = torch.zeros(2, 1, 80, 80)
    images[1, :, :, ::8] = 8  # mean 1
    lam, index = torch.full((2,), 1 - 0.1**2), torch.tensor([1, 0])
    mixed = resizemix(images, torch.arange(2), lam, index, torch.full((2, 2), 0.5))
    pasted = mixed.images[0][~mixed.mask[0]]
    assert pasted.shape == (64,)
    assert (pasted - 1).abs().max() < 0.4  # most at the border, where half a triangle is missing
    plain = F.interpolate(images[1:], (8, 8), mode="bilinear")
    assert (plain - 1).abs().max() > 0.9


# -- what is in the images is what the labels say ----------------------------------------------


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("size", SIZES)
def test_provenance(size, n, dtype, layout):
    arguments = draws(n, n)

    def mix(images, labels):
        return resizemix(images, labels, *arguments)

    for channels in (None, 1, 3):
        assert_labels_match_pixels(
            mix, n, size, channels=channels, dtype=dtype, memory_format=layout, atol=1e-6
        )


def test_height_and_width_are_not_swapped():
    # Half as high, half as wide: in a swapped box 6 x 10 of an image of 20 x 12.
    images, labels = batch(2, 1, (20, 12))
    lam, index = torch.full((2,), 0.75), torch.tensor([1, 0])
    mask = resizemix(images, labels, lam, index, torch.ones(2, 2)).mask
    expected = torch.ones(2, 1, 20, 12, dtype=torch.bool)
    expected[:, :, 10:, 6:] = False
    assert torch.equal(mask, expected)
    # And the picture stands upright.
    images = torch.arange(20.0)[:, None].expand(2, 1, 20, 12)
    mixed = resizemix(images, labels, lam, index, torch.ones(2, 2)).images
    assert bool((mixed[:, :, 10:, 6:].diff(dim=2) > 1).all())
    assert_close(mixed[:, :, 10:, 6:].diff(dim=3), torch.zeros(2, 1, 10, 5))


def test_the_mask_is_where_the_first_image_is():
    images, labels = batch(6, 3, (9, 14))
    lam, index, places = draws(6)
    mixed = resizemix(images, labels, lam, index, places)
    black = resizemix(torch.zeros_like(images), labels, lam, index, places)
    first = mixed.mask.expand_as(images)
    assert torch.equal(mixed.images[first], images[first])
    assert not bool((mixed.images == images)[~first].any())
    assert torch.equal(black.mask, mixed.mask)
    assert_close(mixed.mask.float().mean((1, 2, 3)), mixed.labels.shares[:, 0])


def test_a_given_lam_is_met_up_to_rounding():
    images, labels = batch(500, 1, (32, 48))
    lam = draw_lam(500, 1.0, generator(1))
    _, index, places = draws(500)
    share = resizemix(images, labels, lam, index, places).labels.shares[:, 0]
    assert (share - lam).abs().max() < 0.5 / 32 + 0.5 / 48 + 0.25 / (32 * 48)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_of_one_image(value, dtype):
    images, labels = batch(4, 3, (7, 10), dtype)
    _, index, places = draws(4)
    mixed = resizemix(images, labels, torch.full((4,), value), index, places)
    assert torch.equal(mixed.images, images if value else images[index])
    assert torch.equal(
        mixed.labels.shares[:, 0], torch.full((4,), value, dtype=mixed.labels.shares.dtype)
    )


def test_self_pairs_keep_their_label():
    images, labels = batch(4)
    lam, _, places = draws(4)
    mixed = resizemix(images, labels, lam, torch.arange(4), places)
    assert_close(mixed.labels.dense(4), torch.eye(4))
    assert not torch.equal(mixed.images, images)  # the image itself, small, inside it


def test_a_constant_image_stays_constant():
    for dtype, tolerance in [(torch.float32, 1e-6), (torch.float64, 1e-14), (torch.bfloat16, 0)]:
        images = torch.full((7, 3, 61, 47), 0.75, dtype=dtype)
        images = resizemix(images, torch.arange(7), *draws(7)).images
        assert (images.double() - 0.75).abs().max() <= tolerance


def test_the_box_lies_inside_and_all_places_are_equally_likely():
    stats = pytest.importorskip("scipy.stats")
    n, size = 6000, (10, 7)
    images = torch.zeros(n, 1, *size)
    lam, index, places = draws(n)
    lam = torch.full_like(lam, 0.75)  # a box of 5 x 4 (3.5 is rounded to even): 6 x 4 places
    pasted = ~resizemix(images, torch.zeros(n).long(), lam, index, places).mask[:, 0]
    assert torch.equal(pasted.sum((1, 2)), torch.full((n,), 20))
    top = pasted.any(2).int().argmax(1)
    left = pasted.any(1).int().argmax(1)
    counts = torch.bincount(top * 4 + left, minlength=24)
    assert counts.shape == (24,)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3


# -- forms -------------------------------------------------------------------------------------


def test_dense_labels_agree_with_sparse_ones():
    images, labels = batch(6)
    arguments = draws(6)
    sparse = resizemix(images, labels, *arguments)
    dense = resizemix(images, torch.eye(6), *arguments)
    assert torch.equal(sparse.images, dense.images)
    assert_close(dense.labels, sparse.labels.dense(6))


@pytest.mark.parametrize("layout", reference.LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_out_takes_the_result_and_inputs_are_untouched(dtype, layout):
    images, labels = batch(5, 3, (6, 9), dtype, layout)
    given = (images, labels, *draws(5))
    copies, versions = [t.clone() for t in given], [t._version for t in given]
    expected = resizemix(*given)
    for place in reference.LAYOUTS:
        out = reference.images_in(place, torch.full_like(images, torch.nan).contiguous())
        mixed = resizemix(*given, out=out)
        assert mixed.images is out
        assert torch.equal(out, expected.images)
    assert all(torch.equal(a, b) for a, b in zip(copies, given, strict=True))
    assert versions == [t._version for t in given]
    assert expected.images.dtype == dtype
    assert expected.images.data_ptr() != images.data_ptr()


@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_format_is_kept(dtype):
    for layout, memory in [
        ("contiguous", torch.contiguous_format),
        ("channels_last", torch.channels_last),
    ]:
        images, labels = batch(4, 3, (8, 6), dtype, layout)
        mixed = resizemix(images, labels, *draws(4)).images
        assert mixed.is_contiguous(memory_format=memory)


def test_autocast_does_not_round_the_pixels():
    images, labels = batch(5, 3, (30, 40))
    expected = resizemix(images, labels, *draws(5)).images
    with torch.autocast("cpu", torch.bfloat16):
        mixed = resizemix(images, labels, *draws(5)).images
    assert torch.equal(mixed, expected)


def test_gradients_flow_to_both_images():
    images, labels = batch(3, 1, (5, 6), torch.float64)
    lam, index, places = draws(3)
    lam = torch.full_like(lam, 0.6)
    assert torch.autograd.gradcheck(
        lambda x: resizemix(x, labels, lam, index, places).images, (images.requires_grad_(),)
    )


def test_an_empty_batch():
    assert resizemix(*batch(0), *draws(0)).images.shape == (0, 3, 8, 8)


def test_it_is_one_graph():
    images, labels = batch(4, 3, (6, 9))
    arguments = draws(4)
    compiled = torch.compile(resizemix, fullgraph=True, backend="aot_eager")
    mixed, expected = compiled(images, labels, *arguments), resizemix(images, labels, *arguments)
    assert_close(mixed.images, expected.images)
    assert torch.equal(mixed.labels.shares, expected.labels.shares)


def test_nothing_waits():
    images, labels = batch(4)
    arguments = draws(4)
    with Waits() as waits:
        resizemix(images, labels, *arguments, check=False)
    assert waits.found == []


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(images=torch.zeros(4, 3, 8, 8).byte()), TypeError, "images must be floating point"),
        (dict(lam=torch.full((4,), 1.5)), ValueError, r"lam must be in \[0, 1\], got 1.5"),
        (dict(index=torch.arange(1, 5)), ValueError, r"index must be in \[0, 4\), got 4"),
        (dict(places=torch.rand(4)), ValueError, r"places must be \(4, 2\)"),
        (dict(places=torch.zeros(4, 2).long()), TypeError, "places must be floating point"),
        (dict(places=-torch.ones(4, 2)), ValueError, r"places must be in \[0, 1\), got -1"),
        (dict(out=torch.zeros(4, 3, 8, 9)), ValueError, "out must be"),
    ],
)
def test_errors_name_what_is_wrong(change, error, message):
    images, labels = batch(4)
    lam, index, places = draws(4)
    good = dict(images=images, labels=labels, lam=lam, index=index, places=places)
    with pytest.raises(error, match=message):
        resizemix(**good | change)


def test_the_share_is_that_of_the_box_and_not_of_the_lam_that_was_asked_for():
    lam, index, places = draws(7)
    found, told = recover_shares(lambda x, y: resizemix(x, y, lam, index, places), 7, (5, 9))
    assert_close(found, told, rtol=0, atol=1e-6)
    asked = torch.zeros(7, 7, dtype=torch.float64)
    asked[range(7), range(7)] += lam
    asked[range(7), index] += 1 - lam
    assert (found - asked).abs().max() > 0.01
