"""Colour operations, against torchvision image by image."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional import transforms
from dmmix.functional.transforms import color_jitter, draw_orders, draw_uniform
from tests.functional.transforms.one_by_one import one, one_by_one
from tests.functional.transforms.pictures import generator, pictures

NAMES = ("brightness", "contrast", "saturation")
N = 16


def factors(n=N, seed=0):
    drawn = {name: draw_uniform(n, (0, 2.5), generator(seed + k)) for k, name in enumerate(NAMES)}
    for factor in drawn.values():
        factor[:2] = torch.tensor([0.0, 1.0])
    return drawn


def photos(n=N, ch=3, size=(7, 10), dtype=torch.uint8):
    """Noise, with grey, black, white and pure pixels, and whole images of one colour."""
    images = pictures(n, ch, size, torch.uint8, "contiguous", seed=5)
    special = torch.tensor(
        [[0, 0, 0], [255, 255, 255], [90, 90, 90], [255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 8]]
    )
    images[:, :, 0, :7] = special[:, :ch].T.to(torch.uint8)
    images[-1] = 0
    images[-2] = 77
    images = images.contiguous(memory_format=torch.channels_last)
    return images / 255 if dtype == torch.float32 else images.to(dtype)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("ch", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_each_is_torchvisions(name, ch, dtype):
    images, factor = photos(ch=ch, dtype=dtype), factors()[name]
    out = getattr(transforms, f"adjust_{name}")(images, factor)
    expected = one_by_one(f"adjust_{name}", images, factor)
    if dtype == torch.uint8:
        assert (out.int() - expected.int()).abs().max() <= 1
        # Most are the same: what differs is where float32 stands next to a whole number.
        assert (out != expected).float().mean() < 0.02
    else:
        assert_close(out, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("ch", [1, 3])
@pytest.mark.parametrize("used", [NAMES, NAMES[:2], ("contrast", "saturation"), ("saturation",)])
def test_one_after_the_other_as_torchvision(used, ch, dtype):
    n = 40
    images = photos(n, ch, dtype=dtype)
    drawn = {name: factors(n, seed=9)[name] for name in used}
    order = draw_orders(n, 3, generator(2))
    out = color_jitter(images, order, **drawn)
    expected = []
    for row, (image, turns) in enumerate(zip(images, order.tolist(), strict=True)):
        for number in turns:
            if (name := NAMES[number]) in used:
                image = one(f"adjust_{name}", image, drawn[name][row].item())
        expected.append(image)
    expected = torch.stack(expected)
    if dtype == torch.uint8:
        # A step of difference early on grows with the contrast and the brightness that follow.
        apart = (out.int() - expected.int()).abs()
        assert (apart > 1).float().mean() < 0.01
        assert (apart > 0).float().mean() < 0.05
    else:
        assert_close(out, expected, rtol=0, atol=1e-4)


def test_nothing_to_do():
    images = photos()
    order = draw_orders(N, 3, generator())
    assert torch.equal(color_jitter(images, order), images)
    ones = torch.ones(N)
    same = dict(brightness=ones, contrast=ones, saturation=ones)
    assert torch.equal(color_jitter(images, order, **same), images)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (dict(images=torch.zeros(2, 4, 3, 3)), ValueError, "1 or 3 channels, got 4"),
        (dict(order=torch.zeros(2, 4, dtype=torch.int64)), ValueError, r"order must be \(2, 3\)"),
        (dict(contrast=0.3), TypeError, "contrast must be a Tensor"),
    ],
)
def test_bad_arguments(options, error, message):
    good = dict(images=photos(2), order=draw_orders(2, 3, generator()))
    with pytest.raises(error, match=message):
        color_jitter(**{**good, **options})
    with pytest.raises(ValueError, match=r"contrast must be a tensor \(2,\), got 0.1"):
        transforms.adjust_contrast(photos(2), 0.1)
