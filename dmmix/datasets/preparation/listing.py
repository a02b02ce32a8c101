"""What lies in an unpacked data set: the images of each split and their classes."""

from __future__ import annotations

import os
from typing import NamedTuple

from dmmix.compat.atomic import atomic_open

from .errors import PreparationError

_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".ppm")


class Listing(NamedTuple):
    """Classes, and (path in the data set, class) of the images of each split."""

    classes: list[str]
    splits: dict[str, list[tuple[str, str]]]


def read_listing(name: str, root: str) -> Listing:
    """What the lists (or folders) of a data set that is not CIFAR say.

    Raises PreparationError where one is missing or cannot be read.
    """
    try:
        return _READERS[name](root)
    except FileNotFoundError as error:
        raise PreparationError(f"{error.filename} is missing") from error
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise PreparationError(f"{root}: its lists cannot be read: {error!r}") from error


def _lines(*parts: str) -> list[str]:
    path = os.path.join(*parts)
    try:
        with open(path, encoding="utf-8") as file:
            return [line for line in file.read().splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise PreparationError(f"{path} is no text in UTF-8: {error}") from None


def _pairs(*parts: str, at: str | None = None, last: bool = False) -> list[tuple[str, str]]:
    """Two columns of each line; of more, the first two, or what stands before the last one."""
    pairs = []
    for line in _lines(*parts):
        columns = line.strip().rsplit(at, 1) if last else line.strip().split(at, 1)
        if len(columns) < 2:
            raise PreparationError(f"{os.path.join(*parts)}: {line!r} must be two columns")
        pairs.append((columns[0], columns[1].strip()))
    return pairs


def _images(root: str, folder: str) -> list[str]:
    names = sorted(os.listdir(os.path.join(root, folder)))
    return [f"{folder}/{name}" for name in names if name.lower().endswith(_ENDINGS)]


def _tiny_imagenet(root: str) -> Listing:
    wnids = sorted(line.strip() for line in _lines(root, "wnids.txt"))
    train = [(path, c) for c in wnids for path in _images(root, f"train/{c}/images")]
    rows = _pairs(root, "val", "val_annotations.txt", at="\t")
    val = [(f"val/images/{name}", columns.split("\t")[0]) for name, columns in rows]
    return Listing(wnids, {"train": train, "val": val})


def _imagenet(root: str) -> Listing:
    folders = {split: _folders(root, split) for split in ("train", "val")}
    listed = os.path.join(root, "meta", "train.txt")
    classes = folders["train"]
    splits = {"train": [(path, c) for c in classes for path in _images(root, f"train/{c}")]}
    if os.path.isfile(listed):  # then the folders are not all
        splits["train"] = _imagenet_list(root, "train", classes)
    if os.path.isfile(os.path.join(root, "meta", "val.txt")):
        splits["val"] = _imagenet_list(root, "val", classes)
    else:
        splits["val"] = [(path, c) for c in folders["val"] for path in _images(root, f"val/{c}")]
    return Listing(classes, splits)


def _folders(root: str, split: str) -> list[str]:
    with os.scandir(os.path.join(root, split)) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir())


def _imagenet_list(root: str, split: str, classes: list[str]) -> list[tuple[str, str]]:
    rows = _pairs(root, "meta", f"{split}.txt", at=" ", last=True)
    for name, number in rows:
        if not number.isdecimal() or not int(number) < len(classes):
            raise PreparationError(
                f"{os.path.join(root, 'meta', split)}.txt: {name} has the label {number}, labels "
                f"must be at least 0 and below {len(classes)}"
            )
    return [(f"{split}/{name}", classes[int(number)]) for name, number in rows]


def _cub200(root: str) -> Listing:
    def table(name: str) -> dict[str, str]:
        return dict(_pairs(root, name))

    classes, paths = table("classes.txt"), table("images.txt")
    labels, training = table("image_class_labels.txt"), table("train_test_split.txt")
    splits: dict[str, list[tuple[str, str]]] = {"train": [], "test": []}
    for number, path in paths.items():
        if labels[number].strip() not in classes:
            raise PreparationError(
                f"{os.path.join(root, 'image_class_labels.txt')}: image {number} has the class "
                f"{labels[number]}, which is not in classes.txt"
            )
        split = "train" if training[number].strip() == "1" else "test"
        splits[split].append((f"images/{path.strip()}", classes[labels[number].strip()]))
    return Listing(list(classes.values()), splits)


def _fgvc_aircraft(root: str) -> Listing:
    variants = [line.strip() for line in _lines(root, "data", "variants.txt")]
    splits = {}
    for split in ("trainval", "test"):
        name = f"images_variant_{split}.txt"
        rows = _pairs(root, "data", name, at=" ")
        for number, variant in rows:
            if variant not in variants:
                raise PreparationError(
                    f"{os.path.join(root, 'data', name)}: image {number} has the variant "
                    f"{variant!r}, which is not in variants.txt"
                )
        splits[split] = [(f"data/images/{number}.jpg", variant) for number, variant in rows]
    return Listing(variants, splits)


def _stanford_cars(root: str) -> Listing:
    names = _mat(root, "cars_meta.mat")["class_names"].tolist()
    names = [names] if isinstance(names, str) else names
    splits: dict[str, list[tuple[str, str]]] = {}
    for split, file in (("train", "cars_train_annos"), ("test", "cars_test_annos_withlabels")):
        rows = _mat(root, f"{file}.mat")["annotations"].reshape(-1)
        splits[split] = []
        for row in rows:
            name, number = str(row["fname"]), int(row["class"])
            if not 1 <= number <= len(names):
                raise PreparationError(
                    f"{os.path.join(root, 'devkit', file)}.mat: {name} has the class {number}, "
                    f"classes are 1 to {len(names)}"
                )
            splits[split].append((f"cars_{split}/{name}", names[number - 1]))
    return Listing(names, splits)


def _mat(root: str, name: str) -> dict:
    from scipy.io import loadmat

    path = os.path.join(root, "devkit", name)
    if not os.path.isfile(path):
        raise FileNotFoundError(2, "missing", path)
    try:
        return loadmat(path, squeeze_me=True)
    except Exception as error:  # a damaged one raises whatever it runs into
        raise PreparationError(f"{path} cannot be read: {error}") from error


def write_val_list(root: str) -> None:
    """Writes ImageNet's ``meta/val.txt``, a file and its class a line, for images in one folder.

    The kit numbers classes in an order of its own; here they are numbered by their sorted WordNet
    ids, which is the order of the folders of the training images. Raises PreparationError where a
    file is missing or cannot be read.
    """
    data = os.path.join(root, "devkit", "data")
    truth = os.path.join(data, "ILSVRC2012_validation_ground_truth.txt")
    try:
        synsets = _mat(root, "data/meta.mat")["synsets"].reshape(-1)
        wnids = {int(s["ILSVRC2012_ID"]): str(s["WNID"]) for s in synsets if not s["num_children"]}
        place = {wnid: label for label, wnid in enumerate(sorted(wnids.values()))}
        labels = [place[wnids[int(line)]] for line in _lines(truth)]
    except FileNotFoundError as error:
        raise PreparationError(f"{error.filename} is missing") from error
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise PreparationError(f"{data}: the labels cannot be read: {error!r}") from error
    names = sorted(n for n in os.listdir(os.path.join(root, "val")) if n.endswith(".JPEG"))
    if len(names) != len(labels):
        raise PreparationError(f"{root}/val has {len(names):,} images, {truth} {len(labels):,}")
    with atomic_open(os.path.join(root, "meta", "val.txt"), "w") as file:
        file.writelines(f"{name} {label}\n" for name, label in zip(names, labels, strict=True))


_READERS = {
    "tiny_imagenet": _tiny_imagenet,
    "imagenet": _imagenet,
    "cub200": _cub200,
    "fgvc_aircraft": _fgvc_aircraft,
    "stanford_cars": _stanford_cars,
}
