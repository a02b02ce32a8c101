"""Windows and borders, against NumPy's borders and slices of each image."""

import numpy as np
import pytest
import torch

from dmmix.functional.transforms import crop, draw_crops, pad
from tests.functional.transforms.pictures import DTYPES, LAYOUTS, generator, pictures, same_format

MODES = ("constant", "edge", "reflect", "symmetric")
every_layout = pytest.mark.parametrize("layout", LAYOUTS)


def padded_by_numpy(images, sides, mode, value):
    left, top, right, bottom = sides
    out = []
    for image in images.double().numpy():
        channels = []
        for number, channel in enumerate(image):
            constant = value[number] if isinstance(value, tuple) else value
            options = dict(constant_values=constant) if mode == "constant" else {}
            channels.append(np.pad(channel, ((top, bottom), (left, right)), mode, **options))
        out.append(np.stack(channels))
    return torch.from_numpy(np.stack(out)).to(images.dtype)


@every_layout
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ch", [1, 3])
def test_borders(ch, dtype, mode, layout):
    images = pictures(3, ch, (5, 7), dtype, layout)
    value = (0, 1, 0) if ch == 3 else 1
    for padding, sides in [
        (2, (2, 2, 2, 2)),
        ((1, 3), (1, 3, 1, 3)),
        ((1, 0, 4, 2), (1, 0, 4, 2)),
        ((0, 4, 0, 4), (0, 4, 0, 4)),
    ]:
        out = pad(images, padding, pad_val=value, padding_mode=mode)
        assert torch.equal(out, padded_by_numpy(images, sides, mode, value))
        same_format(out, images)


def test_the_widest_mirrored_borders():
    images = pictures(2, 3, (5, 7))
    for mode, sides in [("reflect", (6, 4, 6, 4)), ("symmetric", (7, 5, 7, 5))]:
        out = pad(images, sides, padding_mode=mode)
        assert torch.equal(out, padded_by_numpy(images, sides, mode, 0))
        wider = (sides[0] + 1, *sides[1:])
        with pytest.raises(ValueError, match="too wide for 5 x 7"):
            pad(images, wider, padding_mode=mode)


@every_layout
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ch", [1, 3, 4])
@pytest.mark.parametrize("size", [(9, 12), (5, 3), (1, 1), (1, 12)])
def test_windows(size, ch, dtype, layout):
    images = pictures(8, ch, dtype=dtype, layout=layout)
    corners = draw_crops(8, (9, 12), size, generator())
    out = crop(images, corners, size)
    for one, image, (top, left) in zip(out, images, corners.tolist(), strict=True):
        assert torch.equal(one, image[:, top : top + size[0], left : left + size[1]])
    assert out.is_contiguous() or out.is_contiguous(memory_format=torch.channels_last)
    same_format(out, images)


@pytest.mark.parametrize("mode", MODES)
@every_layout
def test_windows_of_padded_images(layout, mode):
    images = pictures(9, layout=layout)
    corners = draw_crops(9, (9 + 5, 12 + 4), (8, 11), generator())
    out = crop(images, corners, (8, 11), padding=(1, 2, 3, 3), pad_val=(1, 2, 3), padding_mode=mode)
    whole = padded_by_numpy(images, (1, 2, 3, 3), mode, (1, 2, 3))
    for one, image, (top, left) in zip(out, whole, corners.tolist(), strict=True):
        assert torch.equal(one, image[:, top : top + 8, left : left + 11])
    same_format(out, images)


def test_the_outermost_corners():
    images = pictures(4)
    corners = torch.tensor([[0, 0], [0, 5], [4, 0], [4, 5]], dtype=torch.int32)
    out = crop(images, corners, (5, 7))
    assert torch.equal(out[3], images[3, :, 4:, 5:])
    assert torch.equal(out[0], images[0, :, :5, :7])


def test_a_part_of_a_larger_tensor():
    """A view that begins in the middle of its memory."""
    images = pictures(9)[3:]
    out = crop(images, torch.zeros(6, 2, dtype=torch.int64), (9, 12))
    assert torch.equal(out, images)


def test_gradients_arrive():
    images = pictures(2, dtype=torch.float64).requires_grad_()
    crop(images, torch.tensor([[0, 0], [2, 3]]), (4, 4), padding=1).sum().backward()
    assert images.grad[0].sum() == 3 * 9  # one row and one column of the window are border
    assert images.grad[1].sum() == 3 * 16


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (dict(images=torch.zeros(2, 3, 9, 12, dtype=torch.int32)), TypeError, "uint8 or floating"),
        (dict(corners=torch.zeros(2, 2)), TypeError, "corners must be int64"),
        (dict(corners=torch.tensor([[0, 0], [5, 0]])), ValueError, "got 5 for sample 1"),
        (dict(corners=torch.tensor([[0, 6], [0, 0]])), ValueError, r"\[0, 5\] \(left\), got 6"),
        (dict(corners=torch.tensor([[0, -1], [0, 0]])), ValueError, "got -1 for sample 0"),
        (dict(size=(10, 7)), ValueError, r"within the 9 x 12 of the images, got \(10, 7\)"),
        (dict(size=(0, 7)), ValueError, "size must be within"),
        (dict(padding=-1), ValueError, "padding must be"),
        (dict(padding=(1, 2, 3)), ValueError, "padding must be"),
        (dict(padding=0.5), TypeError, "padding must be 1, 2 or 4 integers of at least 0, got 0.5"),
        (dict(padding=1, padding_mode="wrap"), ValueError, "padding_mode must be one of"),
        (dict(padding=1, pad_val=256), ValueError, r"in \[0, 255\] for uint8 images, got 256"),
        (dict(padding=1, pad_val=(1, -1, 1)), ValueError, r"in \[0, 255\] for uint8"),
        (dict(padding=1, pad_val=(1, 2)), ValueError, "pad_val must be a number or one for each"),
    ],
)
def test_bad_arguments(options, error, message):
    good = dict(images=pictures(2), corners=torch.zeros(2, 2, dtype=torch.int64), size=(5, 7))
    with pytest.raises(error, match=message):
        crop(**{**good, **options})
