"""What holds for every mix as a function, beside what test_mixes.py asks of it as an object."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import MixedLabels
from dmmix.testing import assert_labels_match_pixels
from tests.pairwise import pairwise

from .data import LAYOUTS, batch, images_in
from .mix_functions import MIXES, PER_BATCH, SIZES, arguments, mix

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
every_mix = pytest.mark.parametrize("name", MIXES)


def share_dtype(dtype):
    return torch.float64 if dtype == torch.float64 else torch.float32


def assert_same(one, other):
    """Bit for bit."""
    assert torch.equal(one.images, other.images)
    assert torch.equal(one.mask, other.mask)
    assert torch.equal(one.index, other.index)
    assert torch.equal(one.labels.classes, other.labels.classes)
    assert torch.equal(one.labels.shares, other.labels.shares)
    assert (one.weights is None) == (other.weights is None)
    assert one.weights is None or torch.equal(one.weights, other.weights)


def narrow(given):
    """The arguments with float32 for float64."""
    return {
        key: value.float() if torch.is_tensor(value) and value.dtype == torch.float64 else value
        for key, value in given.items()
    }


# -- what is in the images is what the labels say --------------------------------------------------


@pytest.mark.parametrize(
    *pairwise(
        name=[name for name, case in MIXES.items() if case.by_pixels],
        size=[*SIZES, (1, 1)],
        n=[1, 2, 7],
        channels=[None, 1, 3],
        dtype=DTYPES,
        memory_format=[torch.contiguous_format, torch.channels_last],
    )
)
def test_labels_match_pixels(name, size, n, channels, dtype, memory_format):
    case = MIXES[name]
    # A bfloat16 pixel holds 1 - lam to 8 bits, a box is exact up to the label's own rounding.
    atol = 2**-8 if case.soft and dtype.itemsize == 2 else 1e-5 if case.soft else 1e-6
    options = dict(channels=channels, dtype=dtype, memory_format=memory_format, atol=atol)
    if case.looks and channels is None:  # it is to see the same whatever is asked
        options["content"] = 3
    blind = case.blind if channels else {}
    for seed in (0, n):
        assert_labels_match_pixels(
            lambda images, labels, seed=seed: mix(name, images, labels, seed, **blind),
            n, size, **options,
        )  # fmt: skip


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name",
    [
        name
        for name in MIXES
        if name not in ("snapmix", "regmixup") and arguments(name, 1, (2, 2)).get("lam") is not None
    ],
)
def test_all_of_one_image(name, dtype, value):
    images, labels = batch(4, 3, (7, 9), dtype)
    given = arguments(name, 4, (7, 9))
    peak = torch.full((4, 7, 9), 0.1)
    peak[:, 3, 4] = 1  # in the very middle of a pixel, where nothing is clipped
    middle = dict(saliency=peak, attention=peak, centers=torch.full((4, 2), 0.5))
    given |= {key: part for key, part in middle.items() if key in given}
    if name == "saliencymix":
        given["saliency"] = peak
    mixed = MIXES[name].function(images, labels, **given | dict(lam=torch.full((4,), value)))
    assert_close(mixed.images, images if value else images[given["index"]], rtol=0, atol=0)
    shares = torch.full((4,), value, dtype=share_dtype(dtype))
    assert torch.equal(mixed.labels.shares[:, 0], shares)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name", [n for n, case in MIXES.items() if not case.moves and n != "comixup"]
)
def test_a_sample_paired_with_itself_stays_as_it_is(name, dtype):
    images, labels = batch(5, dtype=dtype)
    mixed = mix(name, images, labels, index=torch.arange(5))
    assert_close(mixed.images[-5:], images)
    assert_close(mixed.labels.dense(5)[-5:], torch.eye(5, dtype=share_dtype(dtype)))


# -- labels in every form --------------------------------------------------------------------------


@every_mix
def test_mixes_in_a_row_and_smoothed_labels(name):
    images, labels = batch(6)
    first = mix("mixup", images, labels, seed=1)
    before = MixedLabels(
        first.labels.classes, first.labels.shares, torch.tensor([0, 0.1, 0.2, 0.3, 0.5, 0])
    )
    for some in (first.labels, before):
        second = mix(name, first.images, some)
        assert second.labels.classes.shape[1] == 2 * second.sources.shape[1]
        second.labels.validate(6)
        assert_close(second.labels.dense(6), mix(name, first.images, some.dense(6)).labels)


# -- the form of the result ------------------------------------------------------------------------


@every_mix
def test_layouts_make_no_difference(name):
    for ch in (1, 3):
        images, labels = batch(5, ch, (13, 6))
        expected = mix(name, images, labels)
        for layout in LAYOUTS:
            mixed = mix(name, images_in(layout, images), labels)
            assert_close(mixed.images, expected.images)
            assert torch.equal(mixed.mask, expected.mask)


# -- what is given ---------------------------------------------------------------------------------


@every_mix
def test_one_draw_for_the_batch_is_that_draw_for_each_sample(name):
    for seed, size in enumerate([(8, 8), (5, 9), (12, 1)]):
        images, labels = batch(6, 3, size)
        function, once = MIXES[name].function, arguments(name, 6, size, seed, per_batch=True)
        places = [key for key in PER_BATCH if once.get(key) is not None]
        assert all(len(once[key]) == 1 for key in places)
        if seed:
            once = narrow(once)
        each = {key: once[key].repeat(6, *[1] * (once[key].ndim - 1)) for key in places}
        expected = function(images, labels, **once | each)
        for some in ({}, *({key: each[key]} for key in places)):
            mixed = function(images, labels, **once | some)
            assert_same(mixed, expected)
        assert_same(
            function(images, labels, **once, out=torch.empty_like(expected.images)), expected
        )


@every_mix
def test_autocast_makes_no_difference(name):
    images, labels = batch(5, 3, (9, 12))
    expected = mix(name, images, labels)
    with torch.autocast("cpu", torch.bfloat16):
        assert_same(mix(name, images, labels), expected)


# -- into memory that is given ---------------------------------------------------------------------


@pytest.mark.parametrize(
    *pairwise(
        name=MIXES,
        dtype=DTYPES,
        layout=LAYOUTS,
        place=LAYOUTS,
        size=[(8, 8), (5, 9), (1, 7), (37, 59)],  # the last fills no whole run of memory
        n=[1, 4],
        ch=[1, 3],
    )
)
def test_out_gets_what_a_new_tensor_would(name, dtype, layout, place, size, n, ch):
    images, labels = batch(n, ch, size, dtype, layout)
    expected = mix(name, images, labels)
    out = images_in(place, torch.full(expected.images.shape, math.nan, dtype=dtype))
    strides, before = out.stride(), images.clone()
    # lerp may round differently over other runs of memory.
    tolerance = 2 * torch.finfo(dtype).eps if MIXES[name].soft else 0
    for _ in range(2):  # and again into what is there
        mixed = mix(name, images, labels, out=out)
        assert mixed.images is out
        assert out.stride() == strides
        assert_close(out, expected.images, rtol=tolerance, atol=tolerance)
        assert_same(mixed._replace(images=expected.images), expected)
        assert torch.equal(images, before)


@every_mix
def test_out_and_gradients(name):
    images, labels = batch(4)
    out = torch.empty_like(mix(name, images, labels).images)
    for needs in ((images.clone().requires_grad_(), out), (images, out.clone().requires_grad_())):
        with pytest.raises(ValueError, match=r"out cannot be used with images .* need a gradient"):
            mix(name, needs[0], labels, out=needs[1])
        with torch.no_grad():  # where none is taken
            mixed = mix(name, needs[0], labels, out=out)
        assert mixed.images is out
        assert not out.requires_grad


@every_mix
def test_out_has_memory_of_its_own(name):
    holder, (images, labels) = torch.randn(16, 3, 8, 8), batch(4)
    rows = len(mix(name, images, labels).images)
    for out in (holder[:rows], holder[:rows].transpose(2, 3)):
        with pytest.raises(ValueError, match="out must have memory of its own"):
            mix(name, holder[:4], labels, out=out)
    with pytest.raises(RuntimeError, match="single memory location"):
        mix(name, images, labels, out=torch.empty(3, 8, 8).expand(rows, 3, 8, 8))


# -- gradients, compilers, devices -----------------------------------------------------------------


@every_mix
def test_gradients_flow_to_all_images(name):
    images, labels = batch(3, 1, (4, 5), torch.float64)
    options = MIXES[name].blind
    images.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: mix(name, x, labels, **options).images, (images,))
    assert not mix(name, images, labels).labels.shares.requires_grad
