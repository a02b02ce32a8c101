"""Files of all kinds of data sets with a few random images, and datasets that read them."""

import pickle
from pathlib import Path

import numpy as np

from dmmix.registry import DATASETS
from dmmix.testing.layouts import make_layout

# Not imported from mmpretrain: dmmix has to prepare torchvision first.
BaseDataset, CIFAR10, CIFAR100, MNIST = (
    DATASETS.get(name) for name in ("mmpretrain.BaseDataset", "CIFAR10", "CIFAR100", "MNIST")
)


def append(path, text):
    """Adds to a text file."""
    Path(path).write_text(Path(path).read_text(encoding="utf-8") + text, encoding="utf-8")


def replace(path, old, new):
    """Puts something else in the place of a text of a file."""
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new, 1), encoding="utf-8")


class SmallCIFAR10(CIFAR10):
    """CIFAR10 with the checksums left out."""

    train_list = [[f"data_batch_{i}", None] for i in (1, 2)]  # noqa: RUF012
    test_list = [["test_batch", None]]  # noqa: RUF012


class SmallCIFAR100(CIFAR100):
    """CIFAR100 with the checksums left out."""

    train_list = [["train", None]]  # noqa: RUF012
    test_list = [["test", None]]  # noqa: RUF012


def write_cifar(folder, kind, count=30, seed=0):
    """Writes the files; returns images (N, H, W, 3) and labels of the splits, by name."""
    rng = np.random.default_rng(seed)
    classes = 100 if kind is SmallCIFAR100 else 10
    key = "fine_labels" if kind is SmallCIFAR100 else "labels"
    (folder / kind.base_folder).mkdir(parents=True)
    written = {}
    for split, files in (("train", kind.train_list), ("test", kind.test_list)):
        images, labels = [], []
        for name, _ in files:
            # A row is 1024 red values, then green, then blue.
            data = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
            targets = rng.integers(0, classes, count).tolist()
            with open(folder / kind.base_folder / name, "wb") as file:
                pickle.dump({"data": data, key: targets}, file, protocol=2)  # as the real ones
            images.append(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
            labels += targets
        written[split] = np.concatenate(images), np.array(labels)
    return written


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
