"""Small data for tests of two streams."""

import numpy as np
from PIL import Image

from dmmix.registry import DATASETS

DIGITS = dict(type="InMemory", dataset=dict(type="Digits", split="train"))


def semi(subset=dict(num_labels=40), **options):  # noqa: B006 - nobody writes to it
    config = dict(type="SemiDataset", dataset=DIGITS, subset=subset)
    return DATASETS.build({"_scope_": "dmmix", **config, **options})


def photos(folder, count=4, size=40):
    """Two classes of images that are noise, no two pixels alike."""
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            noise = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
            Image.fromarray(noise).save(folder / name / f"{k}.png")
    return str(folder)
