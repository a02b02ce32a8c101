"""The page of the batch transforms tells all of them and their arguments."""

import inspect
import re

import pytest

from dmmix.datasets import batch_transforms
from dmmix.functional import transforms

NAMES = [name for name in batch_transforms.__all__ if name.startswith("Batch")]
NAMES.remove("BatchTransform")
FUNCTIONS = [
    *("adjust_brightness", "adjust_contrast", "adjust_saturation", "color_jitter"),
    *("crop", "erase", "flip", "normalize", "pad", "resized_crop"),
]


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs/batch_transforms.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_all_parameters_are_there(page, name):
    section = page.split(f"### {name}\n")[1].split("\n#")[0]
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)))
    kind = getattr(batch_transforms, name)
    assert listed == list(inspect.signature(kind).parameters)


def test_all_functions_are_there(page):
    plain = page.split("## In plain PyTorch")[1].split("\n## ")[0]
    draws = [name for name in transforms.__all__ if name.startswith("draw_")]
    for name in [*draws, *FUNCTIONS]:
        assert re.search(rf"`{name}\b", plain), name
        assert callable(getattr(transforms, name))
