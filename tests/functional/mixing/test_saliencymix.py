"""SaliencyMix: against a loop from the paper, and by its pixels."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import (
    draw_lam,
    draw_pairing,
    fine_grained_saliency,
    saliencymix,
    spectral_residual_saliency,
)
from dmmix.testing import assert_labels_match_pixels
from tests.functional import mixing_reference as reference
from tests.mixups.waits import Waits
from tests.pairwise import pairwise

SIZES = [(8, 8), (5, 9), (13, 6), (1, 7)]
DTYPES = [torch.float32, torch.float64, torch.bfloat16]
MAPS = {"fine_grained": fine_grained_saliency, "spectral_residual": spectral_residual_saliency}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draws(n, seed=0):
    g = generator(seed)
    return draw_lam(n, 1.0, g), draw_pairing(n, g)


def batch(n=4, ch=3, size=(8, 8), dtype=torch.float32, layout="contiguous"):
    images = torch.randn(n, ch, *size, generator=generator(5)).to(dtype)
    return reference.images_in(layout, images), torch.arange(n)


def spots(places, size=(24, 36)):
    """Grey images, each with a white spot in a black ring at its place."""
    images = 0.5 + 0.01 * torch.rand(len(places), 3, *size, generator=generator(1))
    for image, (y, x) in zip(images, places, strict=True):
        image[:, y - 3 : y + 4, x - 3 : x + 4] = 0
        image[:, y - 1 : y + 2, x - 1 : x + 2] = 1
    return images


def saliencymix_loop(images, lam, index, maps):
    """A box of r sqrt(1 - lambda) around the peak of the partner's map, pixel by pixel."""
    height, width = images.shape[-2:]
    mixed, shares = images.clone(), []
    for i, j in enumerate(index):
        flat = maps[j].flatten().tolist()
        middle = divmod(flat.index(max(flat)), width)
        sides = [round(math.sqrt(1 - lam[i]) * length) for length in (height, width)]
        first = [m - side // 2 for m, side in zip(middle, sides, strict=True)]
        pasted = 0
        for y in range(height):
            for x in range(width):
                if 0 <= y - first[0] < sides[0] and 0 <= x - first[1] < sides[1]:
                    mixed[i, :, y, x] = images[j, :, y, x]
                    pasted += 1
        shares.append(1 - pasted / (height * width))
    return mixed, torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize("saliency", ["fine_grained", "spectral_residual", "given"])
@pytest.mark.parametrize("ch", [1, 3])
@pytest.mark.parametrize("layout", reference.LAYOUTS)
@pytest.mark.parametrize("size", SIZES)
def test_it_is_the_loop_from_the_paper(size, layout, ch, saliency):
    for seed in range(2):
        images, labels = batch(6, ch, size, torch.float64, layout)
        lam, index = draws(6, seed)
        if saliency == "given":
            maps = saliency = torch.rand(6, *size, generator=generator(seed))
        elif isinstance(saliency, str):
            maps = MAPS[saliency](images)
        else:
            maps = saliency
        mixed = saliencymix(images, labels, lam, index, saliency=saliency)
        expected, shares = saliencymix_loop(images, lam.tolist(), index.tolist(), maps)
        assert torch.equal(mixed.images, expected)
        assert_close(mixed.labels.shares[:, 0], shares)
        assert torch.equal(mixed.labels.classes, torch.stack([labels, labels[index]], 1))


# -- where the box is ----------------------------------------------------------------------------


@pytest.mark.parametrize("saliency", MAPS)
def test_each_box_is_around_the_spot_of_its_own_partner(saliency):
    # One sample's map for the whole batch, or the map of the first image, puts it elsewhere.
    places = [(6, 6), (17, 29), (6, 29), (17, 6), (12, 18)]
    images = spots(places)
    index = torch.tensor([1, 2, 3, 4, 0])
    mixed = saliencymix(images, torch.arange(5), torch.full((5,), 0.9), index, saliency=saliency)
    for i in range(5):
        pasted = (~mixed.mask[i, 0]).nonzero().double()
        middle = pasted.mean(0)
        assert_close(middle, torch.tensor(places[index[i]]).double(), rtol=0, atol=4)


def test_height_and_width_are_not_swapped():
    maps = torch.zeros(2, 20, 30)
    maps[0, 4, 25] = maps[1, 15, 4] = 1
    images, labels = batch(2, 3, (20, 30))
    lam, index = torch.full((2,), 0.96), torch.tensor([1, 0])
    mixed = saliencymix(images, labels, lam, index, saliency=maps)
    expected = torch.ones(2, 1, 20, 30, dtype=torch.bool)
    expected[0, :, 13:17, 1:7] = False  # 4 x 6 pixels around (15, 4)
    expected[1, :, 2:6, 22:28] = False
    assert torch.equal(mixed.mask, expected)


@pytest.mark.parametrize("saliency", MAPS)
def test_a_normalised_batch_gets_the_boxes_of_the_plain_one(saliency):
    images = spots([(6, 6), (17, 29), (6, 29), (17, 6)])
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    lam, index = draws(4)
    options = dict(saliency=saliency)
    plain = saliencymix(images, torch.arange(4), lam, index, **options)
    for same in (255 * images, (images - mean) / std, images.half(), 1e-2 * images - 3):
        mixed = saliencymix(same, torch.arange(4), lam, index, **options)
        assert torch.equal(mixed.mask, plain.mask)


def test_the_box_is_clipped_at_the_border_and_so_is_the_share():
    maps = torch.zeros(2, 10, 20)
    maps[:, 0, 0] = 1
    images, labels = batch(2, 3, (10, 20))
    lam, index = torch.full((2,), 0.75), torch.tensor([1, 0])
    mixed = saliencymix(images, labels, lam, index, saliency=maps)
    expected = torch.ones(2, 1, 10, 20, dtype=torch.bool)
    expected[:, :, :3, :5] = False  # of 5 x 10
    assert torch.equal(mixed.mask, expected)
    assert_close(mixed.labels.shares[:, 1], torch.full((2,), 15 / 200))


def test_images_of_one_colour_have_the_box_in_the_corner():
    images = torch.full((2, 3, 10, 20), 0.3)
    lam, index = torch.full((2,), 0.75), torch.tensor([1, 0])
    mask = saliencymix(images, torch.arange(2), lam, index).mask
    assert not bool(mask[:, :, 0, 0].any())
    assert bool((mask.sum((1, 2, 3)) == 200 - 15).all())


# -- what is in the images is what the labels say ----------------------------------------------


@pytest.mark.parametrize(
    *pairwise(
        saliency=MAPS,
        size=SIZES,
        n=[1, 2, 7],
        dtype=DTYPES,
        layout=[torch.contiguous_format, torch.channels_last],
    )
)
def test_provenance(saliency, size, n, dtype, layout):
    lam, index = draws(n, n)

    def mix(images, labels):
        return saliencymix(images, labels, lam, index, saliency=saliency)

    options = dict(dtype=dtype, memory_format=layout, atol=1e-6)
    assert_labels_match_pixels(mix, n, size, content=3, **options)
    for channels in (1, 3):
        assert_labels_match_pixels(mix, n, size, channels=channels, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_of_one_image(value, dtype):
    images, labels = batch(4, 3, (7, 10), dtype)
    _, index = draws(4)
    maps = torch.zeros(4, 7, 10)
    maps[:, 3, 5] = 1  # in the middle, so that nothing is clipped
    mixed = saliencymix(images, labels, torch.full((4,), value), index, saliency=maps)
    assert torch.equal(mixed.images, images if value else images[index])


def test_self_pairs_stay_as_they_are():
    images, labels = batch(4)
    mixed = saliencymix(images, labels, draws(4)[0], torch.arange(4))
    assert torch.equal(mixed.images, images)
    assert_close(mixed.labels.dense(4), torch.eye(4))


# -- forms ---------------------------------------------------------------------------------------


def test_dense_labels_agree_with_sparse_ones():
    images, labels = batch(6)
    arguments = draws(6)
    sparse = saliencymix(images, labels, *arguments)
    dense = saliencymix(images, torch.eye(6), *arguments)
    assert torch.equal(sparse.images, dense.images)
    assert_close(dense.labels, sparse.labels.dense(6))


@pytest.mark.parametrize("saliency", MAPS)
@pytest.mark.parametrize("layout", reference.LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_out_takes_the_result_and_inputs_are_untouched(dtype, layout, saliency):
    images, labels = batch(5, 3, (6, 9), dtype, layout)
    given = (images, labels, *draws(5))
    copies, versions = [t.clone() for t in given], [t._version for t in given]
    expected = saliencymix(*given, saliency=saliency)
    for place in reference.LAYOUTS:
        out = reference.images_in(place, torch.full_like(images, torch.nan).contiguous())
        mixed = saliencymix(*given, saliency=saliency, out=out)
        assert mixed.images is out
        assert torch.equal(out, expected.images)
    assert all(torch.equal(a, b) for a, b in zip(copies, given, strict=True))
    assert versions == [t._version for t in given]
    assert expected.images.dtype == dtype
    memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    assert expected.images.is_contiguous(memory_format=memory)


def test_gradients_flow_to_both_images():
    images, labels = batch(3, 1, (4, 5), torch.float64)
    lam, index = draws(3)
    maps = torch.rand(3, 4, 5, generator=generator())
    assert torch.autograd.gradcheck(
        lambda x: saliencymix(x, labels, lam, index, saliency=maps).images,
        (images.requires_grad_(),),
    )


def test_an_empty_batch():
    for saliency in MAPS:
        mixed = saliencymix(*batch(0), *draws(0), saliency=saliency)
        assert mixed.images.shape == (0, 3, 8, 8)


@pytest.mark.parametrize("saliency", MAPS)
def test_it_is_one_graph_and_does_not_wait(saliency):
    images, labels = batch(4, 3, (6, 9))
    arguments = draws(4)
    with Waits() as waits:
        expected = saliencymix(images, labels, *arguments, saliency=saliency, check=False)
    assert waits.found == []
    compiled = torch.compile(saliencymix, fullgraph=True, backend="aot_eager")
    mixed = compiled(images, labels, *arguments, saliency=saliency)
    assert torch.equal(mixed.images, expected.images)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(images=torch.zeros(4, 3, 8, 8).byte()), TypeError, "images must be floating point"),
        (dict(lam=torch.full((4,), 1.5)), ValueError, r"lam must be in \[0, 1\], got 1.5"),
        (dict(index=torch.arange(1, 5)), ValueError, r"index must be in \[0, 4\), got 4"),
        (dict(saliency="other"), ValueError, "saliency must be one of fine_grained, .*'other'"),
        (dict(saliency=None), TypeError, "saliency must be a str or a Tensor, got NoneType"),
        (dict(saliency=torch.rand(4, 8)), ValueError, r"saliency must be \(4, 8, 8\) on cpu"),
        (dict(saliency=torch.ones(4, 8, 8).long()), TypeError, "saliency must be floating"),
        (dict(out=torch.zeros(4, 3, 8, 9)), ValueError, "out must be"),
    ],
)
def test_errors_name_what_is_wrong(change, error, message):
    images, labels = batch(4)
    lam, index = draws(4)
    good = dict(images=images, labels=labels, lam=lam, index=index)
    with pytest.raises(error, match=message):
        saliencymix(**good | change)
