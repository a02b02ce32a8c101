import pytest
import torch
from torch.testing import assert_close

from dmmix.functional.transforms import normalize
from tests.functional.transforms.pictures import LAYOUTS, pictures

MEAN, STD = torch.tensor([125.3, 123.0, 113.9]), torch.tensor([51.6, 50.8, 51.2])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("ch", [1, 3])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1, 1), (1, -1, 1, 1)])
def test_bytes(shape, ch, layout):
    images = pictures(4, ch, (5, 7), layout=layout)
    mean, std = MEAN[:ch], STD[:ch]
    out = normalize(images, mean.view(shape), std.view(shape))
    assert out.dtype == torch.float32
    assert torch.equal(out, (images.float() - mean.view(-1, 1, 1)) / std.view(-1, 1, 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_floats(layout, dtype):
    images = pictures(3, dtype=dtype, layout=layout)
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.25, 0.3])
    out = normalize(images, mean, std)
    assert out.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    expected = (images.to(out.dtype) - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    assert torch.equal(out, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_number_for_all_channels(layout):
    images = pictures(3, layout=layout)
    out = normalize(images, torch.tensor([127.5]), torch.tensor(127.5))
    assert_close(out, images.float() / 127.5 - 1)


def test_mean_in_another_dtype():
    out = normalize(pictures(2), MEAN.double(), STD.half())
    assert_close(out.float(), normalize(pictures(2), MEAN, STD.half().float()))


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"std must be a number or one for each of the 3"):
        normalize(pictures(2), MEAN, STD[:2])
