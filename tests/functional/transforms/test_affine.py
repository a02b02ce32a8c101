"""Shears, translations and rotations, against torchvision image by image."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmmix.functional import transforms
from tests.functional.transforms.one_by_one import MOVES as OPS
from tests.functional.transforms.one_by_one import one_by_one
from tests.functional.transforms.pictures import generator, pictures

RANGE = dict(shear_x=0.5, shear_y=0.5, translate_x=9, translate_y=9, rotate=180)
SIZES = [(9, 12), (7, 13), (16, 16), (1, 5), (5, 1)]
N = 24
# torchvision decides by the rounding of float32 which pixel a place next to the line between two
# of them lies in. Random values put next to none there.
TIES = 1e-3


def values_of(op, n=N, seed=0):
    drawn = torch.rand(n, dtype=torch.float64, generator=generator(seed)) * 2 - 1
    drawn[0] = 0
    return drawn * RANGE[op]


def by_framed_image(op, images, values, interpolation, fill):
    """torchvision on images inside of a wide frame of the colour.

    Without it, torchvision weights the pixels at the edge of the image twice.
    """
    n, ch, height, width = images.shape
    frame = 3 * max(height, width) + 9
    shape = (n, ch, height + 2 * frame, width + 2 * frame)
    framed = torch.tensor(fill, dtype=torch.uint8).view(1, -1, 1, 1).expand(shape).clone()
    inside = (..., slice(frame, frame + height), slice(frame, frame + width))
    framed[inside] = images
    # The edges that a shear leaves in place are those of the image, not of the frame.
    return one_by_one(op, framed, values, interpolation, None, frame)[inside]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ch", [1, 3])
@pytest.mark.parametrize("op", OPS)
def test_equals_torchvision(op, ch, size):
    images, values = pictures(N, ch, size), values_of(op)
    for fill in (None, [30.0, 200.0, 111.0][:ch]):
        out = getattr(transforms, op)(images, values, fill=fill or 0)
        expected = one_by_one(op, images, values, "nearest", fill)
        assert (out != expected).float().mean() <= TIES
    out = getattr(transforms, op)(images, values, "bilinear")
    expected = one_by_one(op, images, values, "bilinear")
    assert (out.int() - expected.int()).abs().max() <= 1


@pytest.mark.parametrize("ch", [1, 3])
@pytest.mark.parametrize("op", OPS)
def test_bilinear_blends_into_the_fill(op, ch):
    fill = [30, 200, 111][:ch]
    images, values = pictures(N, ch, (7, 10)), values_of(op)
    out = getattr(transforms, op)(images, values, "bilinear", fill)
    expected = by_framed_image(op, images, values, "bilinear", fill)
    assert (out.int() - expected.int()).abs().max() <= 1


@pytest.mark.parametrize("op", OPS)
def test_bicubic_is_that_of_opencv(op):
    cv2 = pytest.importorskip("cv2")
    images, values = pictures(N, 1, (9, 12)), values_of(op) / 3
    smooth = torch.nn.functional.avg_pool2d(images.float(), 3, 1, 1).to(torch.uint8)
    moves = torch.zeros(N, 5, dtype=torch.float64)
    moves[:, OPS.index(op)] = values
    matrices = transforms.move_matrices(moves, 9, 12)
    center = torch.tensor([5.5, 4.0], dtype=torch.float64)
    matrices[..., 2] += center - matrices[..., :2] @ center  # in OpenCV's coordinates
    expected = [
        cv2.warpAffine(
            image.numpy(), matrix.numpy(), (12, 9),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderValue=90,
        )
        for image, matrix in zip(smooth[:, 0], matrices, strict=True)
    ]  # fmt: skip
    out = getattr(transforms, op)(smooth, values, "bicubic", 90)
    # OpenCV rounds places to the 32nd part of a pixel.
    difference = (out[:, 0].int() - torch.from_numpy(np.stack(expected)).int()).abs()
    assert difference.max() <= 14
    assert difference.float().mean() < 0.7


def test_directions():
    image = torch.arange(12, dtype=torch.uint8).view(1, 1, 3, 4)
    one = torch.ones(1)
    right = transforms.translate_x(image, one, fill=99)
    assert right[0, 0].tolist() == [[99, 0, 1, 2], [99, 4, 5, 6], [99, 8, 9, 10]]
    down = transforms.translate_y(image, one, fill=99)
    assert down[0, 0].tolist() == [[99] * 4, [0, 1, 2, 3], [4, 5, 6, 7]]
    square = image[..., :3]
    assert torch.equal(transforms.rotate(square, 90 * one), square.rot90(1, (2, 3)))
    sheared = transforms.shear_x(image, 0.999 * one, fill=99)  # 0.5, 1.5 and 2.5 rows below
    assert sheared[0, 0].tolist() == [[0, 1, 2, 3], [5, 6, 7, 99], [10, 11, 99, 99]]


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("op", OPS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_properties(op, interpolation, data):
    n, ch = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    size = data.draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    images = pictures(n, ch, size)
    values = torch.tensor(data.draw(st.lists(st.floats(-40, 40), min_size=n, max_size=n)))
    function = getattr(transforms, op)
    out = function(images, values, interpolation, fill=7)
    assert out.shape == images.shape
    # 0 moves nothing, and what is of the colour of its surroundings stays it.
    assert torch.equal(function(images, torch.zeros(n), interpolation, fill=7), images)
    flat = torch.full_like(images, 7)
    assert torch.equal(function(flat, values, interpolation, fill=7), flat)
    if interpolation == "nearest":
        assert set(out.flatten().tolist()) <= {7, *images.flatten().tolist()}


def test_fill_as_a_tensor():
    images, values = pictures(4), values_of("rotate", 4)
    for mode in ("nearest", "bilinear"):
        a = transforms.rotate(images, values, mode, (9, 8, 7))
        assert torch.equal(a, transforms.rotate(images, values, mode, torch.tensor([9, 8, 7])))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(angle=torch.tensor([0, math.nan])), ValueError, "angle must be in the finite.*nan"),
        (dict(angle=torch.tensor([math.inf, 0])), ValueError, "angle must be in the finite.*inf"),
        (dict(angle=torch.zeros(2, dtype=torch.bool)), TypeError, "angle must be real.*bool"),
        (dict(angle=1.0), TypeError, "angle must be a Tensor, got float"),
        (dict(interpolation="area"), ValueError, "interpolation must be one of.*'area'"),
        (dict(fill=256), ValueError, r"fill must be in \[0, 255\].*got 256"),
        (dict(fill=(0, 0, -1)), ValueError, r"fill must be in \[0, 255\].*got \(0, 0, -1\)"),
        (dict(fill=(0, 0)), ValueError, r"fill must be a number or one for each of the 3.*\(2,\)"),
    ],
)
def test_bad_arguments(change, error, message):
    given = dict(images=pictures(2), angle=torch.zeros(2), interpolation="nearest", fill=0)
    with pytest.raises(error, match=message):
        transforms.rotate(*{**given, **change}.values())
    with pytest.raises(ValueError, match=r"matrices must be \(2, 2, 3\), got \(2, 3\)"):
        transforms.affine(pictures(2), torch.zeros(2, 3))
