"""What holds for every mix as a function."""

import math

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import MixedLabels
from dmmix.functional.tensors.draws import to_device
from dmmix.testing import assert_labels_match_pixels
from tests.machine import needs_a_compiler
from tests.mixups.waits import Waits
from tests.pairwise import pairwise

from .data import LAYOUTS, batch, images_in
from .mix_functions import MIXES, PER_BATCH, arguments, mix

SIZES = [(8, 8), (5, 9), (13, 6), (1, 7)]
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


def dense(labels, classes):
    return labels.dense(classes) if isinstance(labels, MixedLabels) else labels


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


@pytest.mark.parametrize(*pairwise(name=MIXES, size=SIZES, n=[1, 2, 7], dtype=DTYPES))
def test_planes_say_how_much_of_each_pixel_is_of_which_source(name, size, n, dtype):
    case, (images, labels) = MIXES[name], batch(n, 3, size, dtype)
    mixed = mix(name, images, labels)
    planes, sources = mixed.planes, mixed.sources
    assert planes.dtype == (share_dtype(dtype) if case.soft else torch.bool)
    assert planes.shape[:2] == sources.shape
    assert len(sources) == len(mixed.images)
    planes = planes.double()
    assert_close(planes.sum(1), torch.ones_like(planes[:, 0]), rtol=0, atol=1e-6)
    assert torch.equal(mixed.labels.classes, labels[sources])
    if case.by_pixels:
        told = planes.expand(-1, -1, *size).mean((2, 3))
        assert_close(mixed.labels.shares.double(), told, rtol=0, atol=1e-6)
    if case.moves:
        own = (planes[:, :1] == 1).expand_as(images)
        if name != "puzzlemix":  # in which those of the first image move too
            assert torch.equal(mixed.images[own], images[own])
        return
    expected = sum(
        planes[:, k, None] * images[sources[:, k]].double() for k in range(len(planes[0]))
    )
    tolerance = 4 * torch.finfo(dtype).eps if case.soft else 0
    assert_close(mixed.images.double(), expected, rtol=tolerance, atol=tolerance)


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
def test_labels_in_every_form_agree(name):
    images, labels = batch(6)
    sparse = mix(name, images, labels)
    for some in (torch.eye(6), torch.eye(6).bfloat16(), MixedLabels.from_labels(labels)):
        mixed = mix(name, images, some)
        assert torch.equal(mixed.images, sparse.images)
        told = dense(mixed.labels, 6)
        assert told.dtype == torch.float32
        assert_close(told, sparse.labels.dense(6))
        assert mixed.weights is None or torch.equal(mixed.weights, sparse.weights)


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


@pytest.mark.parametrize("dtype", DTYPES)
@every_mix
def test_the_result_has_the_form_of_the_images(name, dtype):
    case = MIXES[name]
    for layout in LAYOUTS:
        images, labels = batch(4, 3, (8, 6), dtype, layout)
        given = arguments(name, 4, (8, 6))
        for some in (given, narrow(given)):
            mixed = case.function(images, labels, **some)
            assert mixed.images.dtype == dtype
            last = layout == "channels_last"
            assert mixed.images.is_contiguous(
                memory_format=torch.channels_last if last else torch.contiguous_format
            )
            assert mixed.labels.shares.dtype == share_dtype(dtype)
            assert mixed.mask.dtype == (share_dtype(dtype) if case.soft else torch.bool)
            assert mixed.weights is None or mixed.weights.dtype == share_dtype(dtype)
            total = mixed.labels.shares.sum(1)
            assert_close(total, torch.ones_like(total), rtol=0, atol=1e-6)


@every_mix
def test_layouts_make_no_difference(name):
    for ch in (1, 3):
        images, labels = batch(5, ch, (13, 6))
        expected = mix(name, images, labels)
        for layout in LAYOUTS:
            mixed = mix(name, images_in(layout, images), labels)
            assert_close(mixed.images, expected.images)
            assert torch.equal(mixed.mask, expected.mask)


@every_mix
def test_an_empty_batch(name):
    out = torch.empty(0, 3, 8, 8)
    for given_out in (None, out):
        mixed = mix(name, *batch(0), out=given_out)
        assert mixed.images.shape == (0, 3, 8, 8)
        assert given_out is None or mixed.images is out
        assert mixed.sources.shape == mixed.labels.classes.shape == mixed.planes.shape[:2]
        assert len(mixed.labels) == 0
        assert mixed.weights is None or mixed.weights.shape == (0,)
        assert mix(name, torch.empty(0, 3, 8, 8), torch.empty(0, 5)).labels.shape == (0, 5)


# -- what is given ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    *pairwise(name=MIXES, size=[*SIZES, (1, 1)], n=[1, 5], dtype=DTYPES, layout=LAYOUTS)
)
def test_inputs_are_untouched_and_nothing_waits(name, size, n, dtype, layout):
    images, labels = batch(n, 3, size, dtype, layout)
    given = arguments(name, n, size)
    tensors = [t for t in (images, labels, *given.values()) if torch.is_tensor(t)]
    copies, versions = [t.clone() for t in tensors], [t._version for t in tensors]
    mixed = MIXES[name].function(images, labels, **given)
    assert mixed.images.untyped_storage().data_ptr() != images.untyped_storage().data_ptr()
    for some in (labels, torch.eye(n), MixedLabels.from_labels(labels)):
        with Waits() as waits:
            again = MIXES[name].function(images, some, **given, check=False)
        assert waits.found == []
        assert torch.equal(again.images, mixed.images)
    assert all(torch.equal(a, b) for a, b in zip(tensors, copies, strict=True))
    assert versions == [t._version for t in tensors]


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


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        *((name, "eager") for name in MIXES),
        *(
            pytest.param(name, "inductor", marks=[pytest.mark.slow, needs_a_compiler])
            for name in ("mixup", "cutmix", "cutmix, inside")
        ),
    ],
)
def test_one_compiled_graph(name, backend):
    torch._dynamo.reset()
    compiled = torch.compile(MIXES[name].function, fullgraph=True, backend=backend)
    images, labels = batch(4, 3, (6, 9))
    last = images_in("channels_last", images)
    forms = [(images, labels, False), (last, torch.eye(4), True)]
    if name == "cutmix":
        forms.append((images, MixedLabels(labels[:, None], torch.ones(4, 1)), False))
    for pixels, some, per_batch in forms:
        given = arguments(name, 4, (6, 9), per_batch=per_batch)
        expected = MIXES[name].function(pixels, some, **given)
        got = compiled(pixels, some, **given)
        assert_close(got.images, expected.images)
        assert_close(got.mask, expected.mask)
        assert_close(dense(got.labels, 4), dense(expected.labels, 4))
        assert (got.weights is None) == (expected.weights is None)
        assert got.weights is None or torch.equal(got.weights, expected.weights)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("per_batch", [False, True])
@every_mix
def test_cuda_gives_what_the_cpu_gives_without_waiting(name, per_batch):
    images, labels = batch(16, 3, (9, 14))
    given = arguments(name, 16, (9, 14), per_batch=per_batch)
    expected = MIXES[name].function(images, labels, **given)
    names = [key for key, value in given.items() if torch.is_tensor(value)]
    there = dict(zip(names, to_device([given[key] for key in names], "cuda"), strict=True))
    images, labels = images.cuda(), labels.cuda()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        got = MIXES[name].function(images, labels, **given | there)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    # Where a field or a map decides, pixels that are nearly equal may change places.
    close = torch.isclose(got.images.cpu(), expected.images, rtol=1e-4, atol=1e-5).double().mean()
    assert close == 1 or (close > 0.97 and ("noise" in given or MIXES[name].looks))
    assert_close(got.labels.shares.cpu(), expected.labels.shares, rtol=0, atol=0.02)
    assert torch.equal(got.labels.classes.cpu(), expected.labels.classes)
