"""Attentive CutMix as a function."""

import math

import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from dmmix.functional import MixedLabels, attentivemix, draw_lam, draw_pairing
from dmmix.functional.tensors.maps import resize_maps
from dmmix.testing import assert_labels_match_pixels
from tests.functional import mixing_reference as reference
from tests.mixups.waits import Waits

SIZES = [(8, 8), (5, 9), (13, 6), (14, 21), (1, 7)]
PAPER = 1 - 6 / 49


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draws(n, alpha=1.0, seed=0, size=(4, 4), dtype=torch.float64):
    """lam, index and attention for a batch."""
    g = generator(seed)
    lam, index = draw_lam(n, alpha, g), draw_pairing(n, g)
    return lam, index, torch.rand(n, *size, generator=g, dtype=dtype)


def batch(n=4, ch=3, size=(8, 8), dtype=torch.float32, layout="contiguous", seed=0):
    images = torch.randn(n, ch, *size, generator=generator(seed)).to(dtype)
    return reference.images_in(layout, images), torch.arange(n)


def loop(images, lam, index, attention, grid):
    """A sample, a cell and a pixel at a time."""
    height, width = images.shape[-2:]
    rows, columns = min(grid, height), min(grid, width)
    mixed, shares = images.clone(), []
    for i, j in enumerate(index):
        seen = attention[j]
        if seen.shape != (rows, columns):
            size = (rows, columns)
            seen = F.interpolate(seen[None, None], size, mode="bilinear", antialias=True)[0, 0]
        cells = [(r, c) for r in range(rows) for c in range(columns)]
        best = sorted(cells, key=lambda cell: -seen[cell].item())  # stable
        chosen = best[: round((1 - lam[i]) * rows * columns)]
        pasted = 0
        for y in range(height):
            for x in range(width):
                # The cell from floor(r H / g) to floor((r + 1) H / g).
                row = max(r for r in range(rows) if r * height // rows <= y)
                column = max(c for c in range(columns) if c * width // columns <= x)
                if (row, column) in chosen:
                    mixed[i, :, y, x] = images[j, :, y, x]
                    pasted += 1
        shares.append(1 - pasted / (height * width))
    return mixed, shares


@pytest.mark.parametrize("layout", reference.LAYOUTS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("grid", "map_size"), [(7, (7, 7)), (7, (4, 4)), (3, (6, 5)), (1, (2, 2))])
def test_it_is_the_loop_from_the_paper(size, grid, map_size, layout):
    images, labels = batch(5, 2, size, torch.float64, layout)
    lam, index, attention = draws(5, size=map_size)
    lam[0], lam[1] = PAPER, 0.5
    mixed = attentivemix(images, labels, lam, index, attention, grid=grid)
    expected, shares = loop(images, lam.tolist(), index.tolist(), attention, grid)
    assert torch.equal(mixed.images, expected)
    assert_close(mixed.labels.shares[:, 0], torch.tensor(shares, dtype=torch.float64))
    assert torch.equal(mixed.labels.classes, torch.stack([labels, labels[index]], 1))


def test_six_of_forty_nine_cells_of_the_partner_are_pasted():
    images = torch.zeros(2, 1, 224, 224)
    images[1] = 1
    attention = torch.zeros(2, 7, 7)
    hot = torch.tensor([3, 9, 17, 24, 30, 48])
    attention[1].view(-1)[hot] = 1  # of the second image, the partner of the first
    attention[0].view(-1)[:6] = 1
    lam = torch.full((2,), PAPER)
    mixed = attentivemix(images, torch.arange(2), lam, torch.tensor([1, 0]), attention)
    cells = F.avg_pool2d(mixed.images[0], 32)[0].flatten()
    assert cells.nonzero()[:, 0].tolist() == hot.tolist()
    assert cells[hot].tolist() == [1.0] * 6
    assert_close(mixed.labels.shares[:, 1], torch.full((2,), 6 / 49))


def test_the_number_of_cells_is_what_lam_says():
    n = 300
    lam, index, attention = draws(n, 0.7, size=(7, 7))
    images = torch.zeros(n, 1, 28, 35)
    mixed = attentivemix(images, torch.zeros(n).long(), lam, index, attention)
    cells = mixed.labels.shares[:, 1] * 49
    assert_close(cells, ((1 - lam) * 49).round().float(), rtol=0, atol=1e-4)


def test_equal_cells_are_pasted_row_by_row():
    images, labels = batch(2, 1, (7, 7))
    lam = torch.tensor([1 - 9 / 49, 1.0])
    mixed = attentivemix(images, labels, lam, torch.tensor([1, 0]), torch.ones(2, 7, 7))
    assert (~mixed.mask[0, 0]).flatten().nonzero()[:, 0].tolist() == list(range(9))
    assert bool(mixed.mask[1].all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("size", SIZES)
def test_labels_match_pixels(size, n, dtype):
    def mix(images, labels):
        return attentivemix(images, labels, *draws(n, seed=n, size=(3, 5)))

    for channels in (None, 1, 3):
        for layout in (torch.contiguous_format, torch.channels_last):
            assert_labels_match_pixels(
                mix, n, size, channels=channels, dtype=dtype, memory_format=layout, atol=1e-6
            )


def test_the_mask_is_what_was_done():
    images, labels = batch(6, 3, (9, 11))
    lam, index, attention = draws(6)
    mixed = attentivemix(images, labels, lam, index, attention)
    assert mixed.mask.shape == (6, 1, 9, 11)
    assert mixed.mask.dtype == torch.bool
    assert torch.equal(mixed.images, torch.where(mixed.mask, images, images[index]))
    assert_close(mixed.labels.shares[:, 0], mixed.mask.float().mean((1, 2, 3)))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_of_one_image(value):
    images, labels = batch(4)
    _, index, attention = draws(4)
    mixed = attentivemix(images, labels, torch.full((4,), value), index, attention)
    assert torch.equal(mixed.images, images if value else images[index])
    assert torch.equal(mixed.labels.shares[:, 0], torch.full((4,), value))


def test_a_sample_paired_with_itself_stays_as_it_is():
    images, labels = batch(5)
    lam, _, attention = draws(5)
    mixed = attentivemix(images, labels, lam, torch.arange(5), attention)
    assert torch.equal(mixed.images, images)
    assert_close(mixed.labels.dense(5), torch.eye(5))


def test_labels_in_every_form_agree():
    images, labels = batch(6)
    args = draws(6)
    sparse = attentivemix(images, labels, *args)
    for some in (torch.eye(6), MixedLabels.from_labels(labels)):
        mixed = attentivemix(images, some, *args)
        assert torch.equal(mixed.images, sparse.images)
        dense = mixed.labels if torch.is_tensor(mixed.labels) else mixed.labels.dense(6)
        assert_close(dense, sparse.labels.dense(6))


@pytest.mark.parametrize("layout", reference.LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_inputs_are_untouched_and_out_is_used(layout, dtype):
    images, labels = batch(6, dtype=dtype, layout=layout)
    args = (images, labels, *draws(6))
    copies, versions = [a.clone() for a in args], [a._version for a in args]
    mixed = attentivemix(*args)
    out = torch.empty_like(images)
    given = attentivemix(*args, out=out)
    assert given.images is out
    assert torch.equal(out, mixed.images)
    assert all(torch.equal(a, b) for a, b in zip(args, copies, strict=True))
    assert versions == [a._version for a in args]


def test_nothing_waits_for_the_device():
    images, labels = batch(6)
    for some in (labels, torch.eye(6), MixedLabels.from_labels(labels)):
        with Waits() as waits:
            attentivemix(images, some, *draws(6), check=False)
        assert waits.found == []


def test_an_empty_batch():
    mixed = attentivemix(*batch(0), *draws(0))
    assert mixed.images.shape == (0, 3, 8, 8)
    assert mixed.labels.classes.shape == (0, 2)


def test_it_compiles_to_one_graph():
    images, labels = batch(6)

    def mix(images, labels, lam, index, attention):
        mixed = attentivemix(images, labels, lam, index, attention)
        return mixed.images, mixed.labels.shares

    args = (images, labels, *draws(6))
    torch._dynamo.reset()
    compiled = torch.compile(mix, fullgraph=True, backend="aot_eager")
    assert_close(compiled(*args), mix(*args))


def test_gradients_flow_to_both_images():
    images, labels = batch(3, 1, (4, 5), torch.float64)
    args = draws(3)
    images.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: attentivemix(x, labels, *args).images, (images,))


def test_maps_of_any_size():
    maps = torch.rand(2, 4, 6, generator=generator(), dtype=torch.float64)
    assert resize_maps(maps, (4, 6)) is maps
    assert resize_maps(maps.bfloat16(), (4, 6)).dtype == torch.float32
    assert resize_maps(torch.ones(2, 4, 6), (7, 3), antialias=True).eq(1).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(images=torch.zeros(4, 3, 8, 8, dtype=torch.uint8)), TypeError, "images.*uint8"),
        (dict(lam=torch.tensor([0.1, 1.5, 0, 0])), ValueError, r"lam .*\[0, 1\], got 1.5"),
        (dict(index=torch.arange(3)), ValueError, r"index must be \(4,\)"),
        (dict(attention=[1]), TypeError, "attention must be a Tensor, got list"),
        (dict(attention=torch.ones(4, 7, 7).long()), TypeError, "attention must be floating"),
        (dict(attention=torch.ones(4, 1, 7, 7)), ValueError, r"attention must be \(4, h, w\)"),
        (dict(attention=torch.ones(3, 7, 7)), ValueError, r"attention must be \(4, h, w\)"),
        (dict(attention=torch.ones(4, 0, 7)), ValueError, r"attention must be \(4, h, w\)"),
        (dict(attention=torch.full((4, 2, 2), math.nan)), ValueError, "attention must be finite"),
        (dict(attention=torch.ones(4, 7, 7, device="meta")), ValueError, "attention must be on"),
        (dict(grid=0), ValueError, "grid must be at least 1, got 0"),
    ],
)
def test_errors_name_what_is_wrong(change, error, message):
    images, labels = batch(4)
    lam, index, attention = draws(4)
    given = dict(images=images, labels=labels, lam=lam, index=index, attention=attention)
    with pytest.raises(error, match=message):
        attentivemix(**given | change)
