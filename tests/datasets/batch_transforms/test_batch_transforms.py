"""What holds for every batch transform: seeds, untouched inputs, formats, no waiting."""

import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmmix.datasets.batch_transforms import (
    BatchColorJitter,
    BatchCutout,
    BatchRandAugment,
    BatchRandomCrop,
    BatchRandomErasing,
    BatchRandomFlip,
    BatchRandomResizedCrop,
    BatchTransform,
    build_batch_transform,
)
from tests.functional.transforms.pictures import LAYOUTS, generator, pictures, same_format
from tests.mixups.waits import Waits

SAME = {
    "crop": BatchRandomCrop((9, 12), padding=2),
    "crop, reflect": BatchRandomCrop((9, 12), padding=2, padding_mode="reflect"),
    "resized crop": BatchRandomResizedCrop((9, 12)),
    "resized crop, bicubic": BatchRandomResizedCrop((9, 12), interpolation="bicubic"),
    "flip": BatchRandomFlip(),
    "flip, two ways": BatchRandomFlip(0.8, ["horizontal", "vertical"]),
    "cutout": BatchCutout(4, prob=0.7),
    "jitter": BatchColorJitter(0.4, 0.4, 0.4),
}
AFTER = {
    "erasing": BatchRandomErasing(0.7),
    "erasing, noise": BatchRandomErasing(0.7, mode="rand"),
    "erasing, noise by channel": BatchRandomErasing(0.7, mode="rand", fill_std=(1, 2, 3)),
}
AUGMENTS = {
    "timm": BatchRandAugment(hparams=dict(pad_val=(1, 2, 3))),
    "fixmatch": BatchRandAugment("fixmatch", num_policies=4),
}
OF_BYTES = pytest.mark.parametrize("transform", SAME.values(), ids=SAME.keys())
EVERY = {**SAME, **AFTER, **AUGMENTS}
every = pytest.mark.parametrize("transform", EVERY.values(), ids=EVERY.keys())


def dtype_of(transform):
    return torch.float32 if transform.after_normalize else torch.uint8


@every
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_generator_decides(transform, layout):
    images = pictures(8, dtype=dtype_of(transform), layout=layout)
    before, state = images.clone(), torch.get_rng_state()
    a, b = (transform(images, generator(1)) for _ in range(2))
    assert torch.equal(a, b)
    assert any(not torch.equal(transform(images, generator(s)), a) for s in range(2, 5))
    assert torch.equal(images, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert a.shape == images.shape
    same_format(a, images)
    a.zero_()
    assert torch.equal(images, before)
    source = generator()
    assert not torch.equal(transform(images, source), transform(images, source))


@every
def test_each_sample_draws_for_itself(transform):
    images = pictures(1, dtype=dtype_of(transform)).repeat(64, 1, 1, 1)
    images = images.contiguous(memory_format=torch.channels_last)
    out = transform(images, generator())
    kinds = len(out.flatten(1).unique(dim=0))
    if isinstance(transform, BatchRandomFlip):
        assert kinds == (2 if transform.direction == "horizontal" else 3)
    else:
        assert kinds > 15


@every
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_any_images(transform, data):
    n = data.draw(st.integers(0, 3))
    by_channel = transform in (EVERY["erasing, noise by channel"], EVERY["timm"])
    ch = data.draw(st.sampled_from([3] if by_channel else [1, 3]))
    augments = isinstance(transform, BatchRandAugment)
    low = (1, 1) if augments else (5, 8)
    size = data.draw(st.tuples(*(st.integers(side, 13) for side in low)))
    dtypes = [] if augments else [torch.float32, torch.float64, torch.float16]
    dtypes += [] if transform.after_normalize else [torch.uint8]
    dtype = data.draw(st.sampled_from(dtypes))
    images = pictures(n, ch, size, dtype, data.draw(st.sampled_from(LAYOUTS)))
    before = images.clone()
    if isinstance(transform, BatchCutout) and dtype.is_floating_point:
        transform = BatchCutout(4, 0.5)
    out = transform(images, generator(data.draw(st.integers(0, 99))))
    wanted = getattr(transform, "crop_size", getattr(transform, "scale", size))
    assert out.shape == (n, ch, *wanted)
    assert out.dtype == dtype
    assert bool(out.isfinite().all())
    if dtype != torch.uint8 and not transform.after_normalize and "bicubic" not in repr(transform):
        assert bool(((out >= 0) & (out <= 1.001)).all())
    assert torch.equal(images, before)


@every
def test_nothing_waits_for_the_device(transform):
    """The draws are on the CPU and may be looked at: for them alone, which images get something."""
    draws_looked_at = {"erasing, noise": ["nonzero"]}
    draws_looked_at["erasing, noise by channel"] = ["nonzero"]
    (name,) = (name for name, kind in EVERY.items() if kind is transform)
    with Waits() as waits:
        transform(pictures(8, dtype=dtype_of(transform)), generator())
    assert waits.found == draws_looked_at.get(name, [])


@OF_BYTES
def test_bytes_and_floats_agree(transform):
    """The same draws; floats in [0, 1], up to the rounding of bytes."""
    if isinstance(transform, (BatchCutout, BatchColorJitter)):
        pytest.skip("its values are in the units of the images, or cut off")
    images = pictures(8)
    bytes_, floats = (transform(x, generator(3)) for x in (images, images.double() / 255))
    floats = floats.clamp(0, 1)
    assert (bytes_ / 255 - floats).abs().max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("name", {**SAME, **AFTER})
def test_from_a_config(name):
    transform = EVERY[name]
    kind = type(transform)
    given = {name: value for name, value in vars(transform).items() if name[0] != "_"}
    options = {name: value for name, value in given.items() if value is not None}
    again = build_batch_transform(dict(type=kind.__name__, **options))
    assert type(again) is kind
    assert repr(again) == repr(transform)
    assert isinstance(again, BatchTransform)
    images = pictures(4, dtype=dtype_of(transform))
    assert torch.equal(again(images, generator()), transform(images, generator()))


@every
def test_arguments_are_shown(transform):
    assert type(transform).__name__ in repr(transform)
    for name in inspect.signature(type(transform)).parameters.keys() - {"hparams"}:
        assert f"{name}=" in repr(transform)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@every
def test_cuda_gives_what_the_cpu_gives_without_waiting(transform):
    images = pictures(8, dtype=dtype_of(transform))
    there = images.cuda()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        out = transform(there, generator(1))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    expected = transform(images, generator(1))
    assert out.stride() == expected.stride()
    if getattr(transform, "mode", None) != "rand":  # noise is drawn where the images are
        assert (out.cpu().double() - expected.double()).abs().max() <= 1


def test_crops_of_one_batch_after_another():
    """The padded images lie where those of the batch before were; nothing else is shared."""
    transform = BatchRandomCrop((9, 12), padding=2, pad_val=7)
    batches = [pictures(n, seed=seed) for seed, n in enumerate([8, 8, 3, 8])]
    crops = [transform(images, generator(1)) for images in batches]
    with torch.inference_mode():
        transform(pictures(5), generator())
    crops.append(transform(pictures(5), generator(1)))
    for images, found in zip([*batches, pictures(5)], crops, strict=True):
        wanted = BatchRandomCrop((9, 12), padding=2, pad_val=7)(images, generator(1))
        assert torch.equal(found, wanted)
    transform.pad_val = 200
    wanted = BatchRandomCrop((9, 12), padding=2, pad_val=200)(batches[0], generator(1))
    assert torch.equal(transform(batches[0], generator(1)), wanted)
    assert not torch.equal(wanted, crops[0])


def test_crops_of_images_that_learn():
    transform, images = BatchRandomCrop(4, padding=1), torch.rand(2, 1, 4, 4)
    for _ in range(2):
        learning = images.clone().requires_grad_()
        transform(images, generator(1))
        transform(learning, generator(1)).sum().backward()
        assert learning.grad.sum() > 0
