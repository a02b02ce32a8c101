import pytest
import torch

from dmmix.functional.transforms import draw_noise_like, erase
from tests.functional.transforms.pictures import DTYPES, LAYOUTS, generator, pictures, same_format

BOXES = torch.tensor([[0, 0, 9, 12], [2, 3, 4, 5], [8, 11, 1, 1], [4, 4, 0, 3], [0, 0, 0, 0]])


def erased_one_by_one(images, boxes, fill):
    out = images.clone()
    for one, (top, left, h, w), paint in zip(out, boxes.tolist(), fill, strict=True):
        area = (slice(None), slice(top, top + h), slice(left, left + w))
        one[area] = paint[area]
    return out


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ch", [1, 3])
@pytest.mark.parametrize("fill", ["number", "channels", "tensor", "noise"])
def test_boxes_are_painted_over(fill, ch, dtype, layout):
    images = pictures(5, ch, dtype=dtype, layout=layout)
    paint = {
        "number": 1,
        "channels": [1, 0, 0.5][:ch],
        "tensor": torch.tensor([1.0, 0.0, 0.5])[:ch],
        "noise": pictures(5, ch, dtype=dtype, layout="contiguous", seed=1),
    }[fill]
    whole = paint if fill == "noise" else torch.as_tensor(paint).view(1, -1, 1, 1)
    whole = whole.to(dtype).expand(images.shape)
    out = erase(images, BOXES, paint)
    assert torch.equal(out, erased_one_by_one(images, BOXES, whole))
    same_format(out, images)


def test_what_is_not_a_number_is_erased_too():
    images = torch.full((2, 3, 9, 12), float("nan"))
    out = erase(images, BOXES[:2], 0.0)
    assert bool((out[0] == 0).all())
    assert bool((out[1, :, 2:6, 3:8] == 0).all())


@pytest.mark.parametrize(
    ("boxes", "fill", "error", "message"),
    [
        (torch.tensor([[0, 0, 10, 1], [0, 0, 1, 1]]), 0, ValueError, "for sample 0"),
        (torch.tensor([[0, 0, 1, 1], [0, 5, 1, 8]]), 0, ValueError, "9 x 12 images.*for sample 1"),
        (torch.tensor([[0, 0, 1, -1], [0, 0, 1, 1]]), 0, ValueError, "for sample 0"),
        (torch.tensor([[-1, 0, 1, 1], [0, 0, 1, 1]]), 0, ValueError, "for sample 0"),
        (torch.zeros(2, 4), 0, TypeError, "boxes must be int64"),
        (BOXES[:2], 300, ValueError, r"fill must be in \[0, 255\]"),
        (BOXES[:2], (1, 2), ValueError, "each of the 3 channels"),
        (BOXES[:2], torch.zeros(1, 3, 9, 12), ValueError, "fill must be like the images"),
    ],
)
def test_bad_arguments(boxes, fill, error, message):
    with pytest.raises(error, match=message):
        erase(pictures(2), boxes, fill)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_noise(dtype, layout):
    images = pictures(40, dtype=dtype, layout=layout)
    noise = draw_noise_like(images, generator(3))
    same_format(noise, images)
    assert torch.equal(noise, draw_noise_like(images, generator(3)))
    assert not torch.equal(noise, draw_noise_like(images, generator(4)))
    count = noise.numel()
    assert abs(noise.double().mean()) < 4 / count**0.5
    assert abs(noise.double().var() - 1) < 4 * (2 / count) ** 0.5
