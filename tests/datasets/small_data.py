"""Files of all kinds of data sets with a few random images, and datasets that read them."""

from pathlib import Path

import numpy as np

from dmmix.registry import DATASETS
from dmmix.testing.layouts import make_layout

# Not imported from mmpretrain: dmmix has to prepare torchvision first.
BaseDataset, MNIST = (DATASETS.get(f"mmpretrain.{name}") for name in ("BaseDataset", "MNIST"))


def append(path, text):
    """Adds to a text file."""
    Path(path).write_text(Path(path).read_text(encoding="utf-8") + text, encoding="utf-8")


def replace(path, old, new):
    """Puts something else in the place of a text of a file."""
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new, 1), encoding="utf-8")


def write_mnist(folder, count=30, seed=0):
    """Writes the unpacked files; returns images (N, 28, 28, 1) and labels, by split."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for split, files in (("train", MNIST.train_list), ("test", MNIST.test_list)):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = rng.integers(0, 10, count).astype(np.uint8)
        for array, (name, _) in zip((images, labels), files, strict=True):
            head = bytes([0, 0, 8, array.ndim])
            sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
            (folder / name.removesuffix(".gz")).write_bytes(head + sizes + array.tobytes())
        written[split] = images[..., None], labels.astype(np.int64)
    return written


def write_all(folder):
    """A data set of each kind, with 12 images in 3 classes (CIFAR: 40 in 10)."""
    few = dict(classes=3, per_class=4)
    Path(make_layout("image_folder", folder, **few), "train").rename(folder / "photos")
    for name in ("cub200", "tiny_imagenet"):
        Path(make_layout(name, folder, **few)).rename(folder / name)
    make_layout("cifar10", folder)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 7, 5, 3), dtype=np.uint8)
    labels = rng.permutation(np.repeat(np.arange(3), 4))
    np.savez(folder / "data.npz", x_train=images, y_train=labels, classes=list("abc"))
    return folder
