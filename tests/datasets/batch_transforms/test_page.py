"""The code on the page of the batch transforms is run."""

import inspect
import re

import pytest
import torch

from dmmix.datasets import batch_transforms
from dmmix.datasets.batch_transforms import build_batch_transform
from dmmix.functional import transforms
from dmmix.registry import TRANSFORMS

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMES = [
    "RandomCrop",
    "RandomResizedCrop",
    "RandomFlip",
    "ColorJitter",
    "RandAugment",
    "Cutout",
    "RandomErasing",
]
FUNCTIONS = [
    *("adjust_brightness", "adjust_contrast", "adjust_saturation", "color_jitter"),
    *("crop", "erase", "flip", "normalize", "pad", "resized_crop"),
]


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs/batch_transforms.md").read_text(encoding="utf-8")


def test_the_examples_run(page):
    config, plain, own = BLOCK.findall(page)
    names = {}
    exec(config, names)
    images = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)
    for entry in names["data_preprocessor"]["batch_transforms"]:
        transform = build_batch_transform(entry)
        given = images.float() if transform.after_normalize else images
        assert transform(given, torch.Generator()).shape == images.shape
    exec(plain, names)
    assert names["images"].shape == (8, 3, 32, 32)
    assert names["images"].dtype == torch.float32
    TRANSFORMS.import_from_location()
    before = dict(TRANSFORMS.module_dict)
    try:
        exec(own, names)
        invert = build_batch_transform(dict(type="BatchInvert", prob=1.0))
    finally:
        TRANSFORMS.module_dict.clear()
        TRANSFORMS.module_dict.update(before)
    assert torch.equal(invert(images, torch.Generator()), 255 - images)


@pytest.mark.parametrize("name", NAMES)
def test_all_parameters_are_there(page, name):
    section = page.split(f"### Batch{name}\n")[1].split("\n#")[0]
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)))
    kind = getattr(batch_transforms, f"Batch{name}")
    assert listed == list(inspect.signature(kind).parameters)


def test_all_functions_are_there(page):
    plain = page.split("## In plain PyTorch")[1].split("\n## ")[0]
    draws = [name for name in transforms.__all__ if name.startswith("draw_")]
    for name in [*draws, *FUNCTIONS]:
        assert re.search(rf"`{name}\b", plain), name
        assert callable(getattr(transforms, name))
