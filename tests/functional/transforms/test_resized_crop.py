"""Boxes resized, against torchvision image by image."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional.transforms import draw_resized_crops, resized_crop
from tests.functional.transforms.one_by_one import torchvisions
from tests.functional.transforms.pictures import generator, pictures

KINDS = ("bilinear", "bicubic")
SIZES = [((9, 12), (7, 7)), ((33, 20), (8, 13)), ((8, 8), (16, 11)), ((5, 40), (1, 3))]


def one_by_one(images, boxes, size, kind):
    tv = torchvisions()
    mode = tv.InterpolationMode(kind)
    return torch.stack([
        tv.resized_crop(image, *box, size, mode, antialias=True)
        for image, box in zip(images.contiguous(), boxes.tolist(), strict=True)
    ])  # fmt: skip


@pytest.mark.parametrize(("have", "want"), SIZES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ch", [1, 3])
def test_floats_are_torchvisions(ch, kind, have, want):
    images = pictures(12, ch, have, torch.float64)
    boxes = draw_resized_crops(12, have, generator=generator())
    out = resized_crop(images, boxes, want, kind)
    assert_close(out, one_by_one(images, boxes, want, kind), rtol=0, atol=1e-12)
    single = resized_crop(images.float(), boxes, want, kind)
    assert_close(single.double(), out, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("have", "want"), SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_bytes_are_torchvisions_within_a_step(kind, have, want):
    images = pictures(12, 3, have)
    boxes = draw_resized_crops(12, have, generator=generator(1))
    out = resized_crop(images, boxes, want, kind)
    # As torchvision does it where torch has no kernel for bytes, and on a GPU.
    floats = one_by_one(images.float(), boxes, want, kind).round().clamp(0, 255)
    assert (out.double() - floats).abs().max() <= 1
    if kind == "bilinear":  # torch's bicubic for bytes also cuts off between the two axes
        theirs = one_by_one(images, boxes, want, kind)
        assert (out.int() - theirs.int()).abs().max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_whole_images_and_plain_ones_stay_as_they_are(kind):
    images = pictures(3)
    boxes = torch.tensor([[0, 0, 9, 12]]).expand(3, 4)
    assert torch.equal(resized_crop(images, boxes, (9, 12), kind), images)
    plain = torch.full((9, 1, 9, 12), 255, dtype=torch.uint8)
    boxes = draw_resized_crops(9, (9, 12), generator=generator())
    assert bool((resized_crop(plain, boxes, (5, 20), kind) == 255).all())


def test_pixels_outside_the_box_do_not_matter():
    images = pictures(2)
    boxes = torch.tensor([[2, 3, 4, 5], [1, 1, 1, 1]])
    out = resized_crop(images, boxes, (6, 6))
    others = 255 - images
    for image, other, (top, left, h, w) in zip(images, others, boxes.tolist(), strict=True):
        box = (slice(None), slice(top, top + h), slice(left, left + w))
        other[box] = image[box]
    assert torch.equal(resized_crop(others, boxes, (6, 6)), out)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (dict(boxes=torch.tensor([[0, 0, 0, 1], [0, 0, 1, 1]])), ValueError, "for sample 0"),
        (dict(boxes=torch.tensor([[0, 0, 1, 1], [0, 8, 1, 5]])), ValueError, "for sample 1"),
        (dict(boxes=torch.zeros(2, 4)), TypeError, "boxes must be int64"),
        (dict(interpolation="nearest"), ValueError, "interpolation must be one of"),
        (dict(size=(0, 3)), ValueError, "size must be at least 1 x 1"),
    ],
)
def test_bad_arguments(options, error, message):
    good = dict(images=pictures(2), boxes=torch.tensor([[0, 0, 2, 2]] * 2), size=(4, 4))
    with pytest.raises(error, match=message):
        resized_crop(**{**good, **options})
