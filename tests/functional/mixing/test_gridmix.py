"""GridMix: against a loop over pixels, and what is in the images."""

import math

import pytest
import torch
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

from dmmix.functional import MixedLabels, draw_cells, draw_lam, draw_pairing, gridmix
from dmmix.testing import assert_labels_match_pixels
from tests.functional.mixing_reference import LAYOUTS, images_in
from tests.mixups.waits import Waits

SIZES = [(8, 8), (5, 9), (13, 6), (1, 7)]
GRIDS = [(4, 4), (2, 3), (5, 1), (16, 9)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draws(n, grid=(4, 4), alpha=1.0, seed=0):
    g = generator(seed)
    return draw_lam(n, alpha, g), draw_pairing(n, g), draw_cells(n, grid, g)


def batch(n=4, ch=3, size=(8, 8), dtype=torch.float32, layout="contiguous"):
    images = torch.randn(n, ch, *size, generator=generator(9), dtype=torch.float64).to(dtype)
    return images_in(layout, images), torch.arange(n)


def loop(images, lam, index, cells):
    """One pixel at a time: the cell that it lies in decides."""
    n, _, height, width = images.shape
    rows, columns = cells.shape[1:]
    mixed, shares = images.clone(), []
    for i in range(n):
        kept = 0
        for y in range(height):
            for x in range(width):
                u = cells[i, math.floor(y / height * rows), math.floor(x / width * columns)]
                if u < lam[i]:
                    kept += 1
                else:
                    mixed[i, :, y, x] = images[index[i], :, y, x]
        shares.append(kept / (height * width))
    return mixed, torch.tensor(shares, dtype=torch.float64)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("size", SIZES)
def test_is_the_loop_from_the_paper(size, grid, layout):
    for ch in (1, 3):
        images, labels = batch(5, ch, size, torch.float64, layout)
        lam, index, cells = draws(5, grid, seed=ch)
        mixed = gridmix(images, labels, lam, index, cells)
        expected, shares = loop(images, lam, index, cells)
        assert torch.equal(mixed.images, expected)
        assert_close(mixed.labels.shares[:, 0], shares, rtol=0, atol=1e-15)
        assert torch.equal(mixed.labels.classes, torch.stack([labels, labels[index]], 1))
        assert_close(mixed.mask.double().mean((1, 2, 3)), shares)


def test_a_cell_is_of_one_image_and_cells_are_as_large_as_they_can():
    """The pitfall of sizes that do not divide: a border that no cell covers."""
    for height, width in [(32, 32), (30, 50), (7, 11)]:
        images, labels = torch.zeros(1, 1, height, width), torch.zeros(1).long()
        for row in range(4):
            for column in range(4):
                cells = torch.full((1, 4, 4), 0.9)
                cells[0, row, column] = 0.1
                mask = gridmix(images, labels, torch.tensor([0.5]), torch.tensor([0]), cells).mask
                tall, wide = mask[0, 0].any(1).sum().item(), mask[0, 0].any(0).sum().item()
                assert mask.sum().item() == tall * wide
                assert tall in (height // 4, -(-height // 4))
                assert wide in (width // 4, -(-width // 4))


@pytest.mark.parametrize("size", [*SIZES, (1, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_provenance(size, dtype):
    for n in (1, 2, 7):
        for grid in ((4, 4), (3, 5)):
            lam, index, cells = draws(n, grid, seed=n)

            def mix(images, labels, lam=lam, index=index, cells=cells):
                return gridmix(images, labels, lam, index, cells)

            for channels in (None, 1, 3):
                for layout in (torch.contiguous_format, torch.channels_last):
                    assert_labels_match_pixels(
                        mix,
                        n,
                        size,
                        channels=channels,
                        dtype=dtype,
                        memory_format=layout,
                        atol=1e-6,
                    )


def test_cells_are_independent_and_kept_with_probability_lam():
    n = 20000
    images, labels = torch.zeros(1, 1, 1, 1).expand(n, 1, 4, 4), torch.zeros(n).long()
    _, index, cells = draws(n)
    lam = torch.full((n,), 0.3)
    kept = gridmix(images, labels, lam, index, cells).mask.flatten(1).double()
    assert_close(kept.mean(0), torch.full((16,), 0.3).double(), rtol=0, atol=0.02)
    assert_close(torch.corrcoef(kept.T), torch.eye(16).double(), rtol=0, atol=0.04)
    # So the number of cells is binomial.
    number = kept.sum(1)
    assert abs(number.var() - 16 * 0.3 * 0.7) < 0.2


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_of_one_image(value):
    images, labels = batch(4)
    _, index, cells = draws(4)
    cells[0, 0, 0], cells[1, 1, 1] = 0.0, 1 - 2**-24
    mixed = gridmix(images, labels, torch.full((4,), value), index, cells)
    assert torch.equal(mixed.images, images if value else images[index])
    assert torch.equal(mixed.labels.shares[:, 0], torch.full((4,), value))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_the_result_has_the_form_of_the_images(dtype):
    lam, index, cells = draws(4)
    images, labels = batch(4, 3, (8, 6), dtype, "channels_last")
    for given in (lam, lam.float()):
        mixed = gridmix(images, labels, given, index, cells)
        assert mixed.images.dtype == dtype
        assert mixed.images.is_contiguous(memory_format=torch.channels_last)
        shares = torch.float64 if dtype == torch.float64 else torch.float32
        assert mixed.labels.shares.dtype == shares
        assert mixed.mask.dtype == torch.bool
        assert mixed.mask.shape == (4, 1, 8, 6)
        out = torch.empty_like(images)
        again = gridmix(images, labels, given, index, cells, out=out)
        assert again.images is out
        assert torch.equal(out, mixed.images)


def test_labels_in_every_form():
    images, labels = batch(6)
    given = draws(6)
    sparse = gridmix(images, labels, *given)
    dense = gridmix(images, torch.eye(6), *given)
    assert torch.equal(sparse.images, dense.images)
    assert_close(dense.labels, sparse.labels.dense(6))
    twice = gridmix(sparse.images, sparse.labels, *given)
    assert twice.labels.classes.shape == (6, 4)
    twice.labels.validate(6)


def test_inputs_are_untouched_and_nothing_waits():
    images, labels = batch(5, layout="strided")
    given = (images, labels, *draws(5))
    copies, versions = [t.clone() for t in given], [t._version for t in given]
    with Waits() as waits:
        a = gridmix(*given, check=False)
    assert waits.found == []
    assert torch.equal(a.images, gridmix(*given).images)
    assert all(torch.equal(x, y) for x, y in zip(copies, given, strict=True))
    assert versions == [t._version for t in given]


def test_the_grid_costs_no_operation_a_cell():
    """The pitfall of a Python loop over cells, with a write each."""
    images, labels = batch(4, size=(32, 32))

    def operations(grid):
        given = draws(4, grid)
        with Operations() as counted:
            gridmix(images, labels, *given, check=False)
        return counted.number

    assert operations((1, 1)) == operations((16, 16)) < 60


class Operations(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.number = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.number += 1
        return func(*args, **(kwargs or {}))


def test_a_sample_paired_with_itself_stays_as_it_is():
    images, labels = batch(5)
    lam, _, cells = draws(5)
    mixed = gridmix(images, labels, lam, torch.arange(5), cells)
    assert torch.equal(mixed.images, images)
    assert_close(mixed.labels.dense(5), torch.eye(5))


def test_gradients_flow_to_both_images():
    images, labels = batch(3, 1, (4, 5), torch.float64)
    given = draws(3)
    images.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: gridmix(x, labels, *given).images, (images,))


def test_an_empty_batch():
    mixed = gridmix(*batch(0), *draws(0))
    assert mixed.images.shape == (0, 3, 8, 8)
    assert mixed.labels.classes.shape == (0, 2)


def test_one_compiled_graph():
    torch._dynamo.reset()
    compiled = torch.compile(gridmix, fullgraph=True, backend="eager")
    images, labels = batch(4)
    for some in (labels, torch.eye(4), MixedLabels.from_labels(labels)):
        given = (images, some, *draws(4))
        expected, got = gridmix(*given), compiled(*given)
        assert torch.equal(got.mask, expected.mask)
        assert torch.equal(got.images, expected.images)


def test_draws_are_uniform_and_from_the_generator_alone():
    state = torch.get_rng_state()
    a, b = (draw_cells(9, (2, 5), generator(3)) for _ in range(2))
    assert torch.equal(a, b)
    assert a.shape == (9, 2, 5)
    assert torch.equal(state, torch.get_rng_state())
    one = draw_cells(6, (2, 5), generator(), per_batch=True)
    assert one.shape == (6, 2, 5)
    assert bool((one == one[:1]).all())
    stats = pytest.importorskip("scipy.stats")
    assert stats.kstest(draw_cells(500, (4, 4), generator()).flatten(), "uniform").pvalue > 1e-3


def test_mistakes_are_named():
    images, labels = batch(4)
    lam, index, cells = draws(4)
    for bad in (cells[0], cells[:, :0], cells[..., None]):
        with pytest.raises(
            ValueError, match=r"cells must be \(4, rows, columns\) for 4 images, got"
        ):
            gridmix(images, labels, lam, index, bad)
    with pytest.raises(ValueError, match=r"cells must be \(4, 4, 4\) for 4 images, got \(2, 4, 4"):
        gridmix(images, labels, lam, index, cells[:2])
    with pytest.raises(TypeError, match=r"cells must be floating point, got torch\.int64"):
        gridmix(images, labels, lam, index, cells.long())
    with pytest.raises(TypeError, match="cells must be a Tensor, got int"):
        gridmix(images, labels, lam, index, 4)
    cells[2, 1, 3] = -0.5
    with pytest.raises(ValueError, match=r"cells must be in \[0, 1\), got -0.5 for sample 2"):
        gridmix(images, labels, lam, index, cells)
    gridmix(images, labels, lam, index, cells, check=False)
    with pytest.raises(ValueError, match=r"lam must be in \[0, 1\], got 2 for sample 0"):
        gridmix(images, labels, lam * 0 + 2, index, cells.abs())
    with pytest.raises(TypeError, match=r"images must be floating point, got torch\.uint8"):
        gridmix(images.byte(), labels, lam, index, cells)
