import pytest
import torch

from dmmix.functional.transforms import flip
from tests.functional.transforms.pictures import DTYPES, LAYOUTS, pictures, same_format

DIMS = {"horizontal": [2], "vertical": [1], "diagonal": [1, 2]}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ch", [1, 3, 4])
@pytest.mark.parametrize("direction", DIMS)
def test_the_chosen_images_are_flipped(direction, ch, dtype, layout):
    images = pictures(4, ch, (5, 8), dtype, layout)
    chosen = [True, False, False, True]
    out = flip(images, torch.tensor(chosen), direction)
    for one, image, flipped in zip(out, images, chosen, strict=True):
        assert torch.equal(one, image.flip(DIMS[direction]) if flipped else image)
    same_format(out, images)


@pytest.mark.parametrize(
    ("flipped", "direction", "error", "message"),
    [
        (torch.ones(2), "horizontal", TypeError, "flipped must be bool, got torch.float32"),
        (torch.ones(2, dtype=torch.bool), "up", ValueError, "direction must be one of"),
    ],
)
def test_bad_arguments(flipped, direction, error, message):
    with pytest.raises(error, match=message):
        flip(pictures(2), flipped, direction)
