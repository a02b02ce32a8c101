"""Posterise, solarise, equalise and their like, against torchvision image by image."""

import pytest
import torch

from dmmix.functional import transforms
from tests.functional.transforms.one_by_one import one_by_one
from tests.functional.transforms.pictures import generator, pictures

N = 16
SIZES = [(9, 12), (7, 13), (16, 16), (1, 5), (2, 2), (40, 33)]
PLAIN = ("autocontrast", "equalize", "invert")
DRAWN = {
    "posterize": lambda g: torch.randint(9, (N,), generator=g),
    "solarize": lambda g: torch.rand(N, generator=g, dtype=torch.float64) * 255,
    "solarize_add": lambda g: torch.rand(N, generator=g, dtype=torch.float64) * 255,
    "adjust_sharpness": lambda g: torch.rand(N, generator=g, dtype=torch.float64) * 2,
}
#: The value that changes nothing.
NOTHING = {"posterize": 8, "solarize": 256.0, "solarize_add": 0.0, "adjust_sharpness": 1.0}
OPS = (*PLAIN, *DRAWN)


def photos(ch, size):
    """Noise, dark and bright images, few values, one value, two values, a gradient."""
    images = pictures(N, ch, size, seed=3)
    images[1:3] //= 4
    images[3] = images[3] // 4 + 190
    images[4] = images[4] // 64 * 64
    images[5], images[6], images[7] = 77, 0, 255
    images[8] = 254 + images[8] % 2
    images[9] = torch.arange(images[9].numel()).view(ch, *size) * 255 // images[9].numel()
    images[10, :, 0, 0] = 255 - images[10, :, 0, 0]
    return images


def run(op, images, values=None):
    function = getattr(transforms, op)
    return function(images) if values is None else function(images, values)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ch", [1, 3])
@pytest.mark.parametrize("op", OPS)
def test_equals_torchvision(op, ch, size):
    images = photos(ch, size)
    values = DRAWN[op](generator()) if op in DRAWN else None
    assert torch.equal(run(op, images, values), one_by_one(op, images, values))


@pytest.mark.parametrize("threshold", [0.0, 0.5, 1.0, 127.0, 127.5, 128.0, 254.5, 255.0, 256.0])
def test_solarize_at_every_value(threshold):
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    out = transforms.solarize(images, torch.tensor([threshold])).flatten().tolist()
    assert out == [255 - v if v >= threshold else v for v in range(256)]


@pytest.mark.parametrize("threshold", [0, 0.5, 128, 255.5, 256])
@pytest.mark.parametrize("addition", [0, 1.9, 110, 255])
def test_solarize_add_at_every_value(addition, threshold):
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    out = transforms.solarize_add(images, torch.tensor([addition]), threshold).flatten().tolist()
    assert out == [min(v + int(addition), 255) if v < threshold else v for v in range(256)]


@pytest.mark.parametrize("op", DRAWN)
@pytest.mark.parametrize("ch", [1, 2, 3])
def test_the_value_that_changes_nothing(op, ch):
    images = photos(ch, (9, 12))
    assert torch.equal(run(op, images, torch.full((N,), NOTHING[op])), images)


@pytest.mark.parametrize(
    ("op", "values", "error", "message"),
    [
        ("posterize", [1.0, 2.0], TypeError, "bits must be integers, got torch.float32"),
        ("posterize", [1, 9], ValueError, r"bits must be in \[0, 8\], got 9 for sample 1"),
        ("solarize", [257.0, 0], ValueError, r"threshold must be in \[0, 256\], got 257"),
        ("solarize", [0, float("nan")], ValueError, r"threshold must be in \[0, 256\], got nan"),
        ("solarize_add", [-1, 0], ValueError, r"addition must be in \[0, 255\], got -1"),
        ("adjust_sharpness", [-0.5, 0], ValueError, r"factor must be in \[0, inf\), got -0.5"),
        ("adjust_sharpness", [float("inf"), 0], ValueError, r"factor must be in .* got inf"),
    ],
)
def test_bad_values(op, values, error, message):
    with pytest.raises(error, match=message):
        run(op, pictures(2), torch.tensor(values))
