"""A small folder of images, and what makes a network small enough for it."""

import numpy as np
from PIL import Image

HERE = [
    "--cfg-options", "train_dataloader.num_workers=0", "val_dataloader.num_workers=0",
    "test_dataloader.num_workers=0",
]  # fmt: skip
SMALL = [
    *HERE, "model.backbone.base_channels=16", "model.backbone.stem_channels=16",
    "model.head.in_channels=128",
]  # fmt: skip


def write_photos(folder, images=10):
    """A class of dark, one of grey, one of bright images, 36 x 40."""
    rng = np.random.default_rng(0)
    for number, name in enumerate(("dark", "grey", "bright")):
        (folder / name).mkdir(parents=True)
        for k in range(images):
            pixels = rng.integers(80 * number, 80 * number + 60, (36, 40, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{k}.jpg")


def write_labels(path, photos="photos"):
    """A file of labels of :func:`write_photos`: grey and bright ones are light too, one is none."""
    lines = ["filename,dark,grey,bright,light"]
    for file in sorted((path.parent / photos).rglob("*.jpg")):
        name = file.parent.name
        here = [name == "dark", name == "grey", name == "bright", name != "dark"]
        marks = [0] * 4 if file.parts[-2:] == ("dark", "9.jpg") else map(int, here)
        lines.append(",".join([file.relative_to(path.parent).as_posix(), *map(str, marks)]))
    path.write_text("\n".join(lines), encoding="utf-8")
