"""Tiny data sets, in the files and folders in which their publishers ship the real ones."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

__all__ = ["LAYOUTS", "make_layout"]

#: All 100; mmpretrain's class knows these names only.
_AIRCRAFT = (
    "707-320, 727-200, 737-200, 737-300, 737-400, 737-500, 737-600, 737-700, 737-800, "
    "737-900, 747-100, 747-200, 747-300, 747-400, 757-200, 757-300, 767-200, 767-300, "
    "767-400, 777-200, 777-300, A300B4, A310, A318, A319, A320, A321, A330-200, A330-300, "
    "A340-200, A340-300, A340-500, A340-600, A380, ATR-42, ATR-72, An-12, BAE 146-200, "
    "BAE 146-300, BAE-125, Beechcraft 1900, Boeing 717, C-130, C-47, CRJ-200, CRJ-700, "
    "CRJ-900, Cessna 172, Cessna 208, Cessna 525, Cessna 560, Challenger 600, DC-10, DC-3, "
    "DC-6, DC-8, DC-9-30, DH-82, DHC-1, DHC-6, DHC-8-100, DHC-8-300, DR-400, Dornier 328, "
    "E-170, E-190, E-195, EMB-120, ERJ 135, ERJ 145, Embraer Legacy 600, Eurofighter Typhoon, "
    "F-16A/B, F/A-18, Falcon 2000, Falcon 900, Fokker 100, Fokker 50, Fokker 70, "
    "Global Express, Gulfstream IV, Gulfstream V, Hawk T1, Il-76, L-1011, MD-11, MD-80, "
    "MD-87, MD-90, Metroliner, Model B200, PA-28, SR-20, Saab 2000, Saab 340, Spitfire, "
    "Tornado, Tu-134, Tu-154, Yak-42"
)
_WNIDS = (
    *("n01440764", "n01443537", "n01484850", "n01491361", "n01494475", "n01496331", "n01498041"),
    *("n01514668", "n01514859", "n01518878", "n01530575", "n01531178", "n01532829", "n01534433"),
)


def make_layout(
    name: str,
    root: str | Path,
    *,
    classes: int | None = None,
    per_class: int = 4,
    size: tuple[int, int] | None = None,
    seed: int = 0,
) -> str:
    """Writes a tiny data set as its publisher lays it out; for tests and dry runs.

    ``root`` is what ``--to`` is for ``dmmix data prepare``: after ``make_layout(name, "data")``
    the base file ``configs/_base_/datasets/NAME.py`` finds its data as it stands. Pixels are
    random. As in the real sets, one photo is grey. CIFAR's files cannot have the published
    checksums: say ``checksums=False`` to the dataset.

    Args:
        name: one of :data:`LAYOUTS`.
        root: the folder that the data set's own folder is made in.
        classes: how many of the classes have images; a few by default. The annotations are whole
            for these, so that labels are 0 to ``classes - 1``.
        per_class: images a class, in each split.
        size: (height, width) of the images, where they may have any; by default they differ.
        seed: of the pixels.

    Returns:
        The dataset's ``data_root`` (``data_file`` for ``npz``).

    Raises:
        ValueError: an unknown name, or numbers out of range.
    """
    if name not in _MAKERS:
        raise ValueError(f"name must be one of {', '.join(LAYOUTS)}, got {name!r}")
    make, folder, default, most = _MAKERS[name]
    classes = default if classes is None else classes
    if not 1 <= classes <= most:
        raise ValueError(f"classes must be from 1 to {most} for {name}, got {classes}")
    if per_class < 1:
        raise ValueError(f"per_class must be at least 1, got {per_class}")
    target = Path(root) / folder
    (target.parent if target.suffix else target).mkdir(parents=True, exist_ok=True)
    make(target, _Task(classes, per_class, size, np.random.default_rng(seed)))
    return str(target)


@dataclass(frozen=True)
class _Task:
    classes: int
    per_class: int
    size: tuple[int, int] | None
    rng: np.random.Generator

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """(class, number of the image in its class), classes in turn."""
        return ((c, i) for i in range(self.per_class) for c in range(self.classes))

    def pixels(self, height: int, width: int) -> np.ndarray:
        """A smooth picture: noise would make large files."""
        grid = self.rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        return np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC))

    def save(self, path: Path, grey: bool = False, size: tuple[int, int] | None = None) -> None:
        """Writes a JPEG."""
        size = size or self.size or tuple(self.rng.integers(40, 72, 2).tolist())
        image = Image.fromarray(self.pixels(*size))
        data = io.BytesIO()
        (image.convert("L") if grey else image).save(data, "JPEG", quality=85)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.getvalue())


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _cifar10(root: Path, task: _Task) -> None:
    folder = root / "cifar-10-batches-py"
    whole = _cifar_batch(task)
    for k in range(5):  # each of the files has a part of the images
        part = {key: value[k::5] for key, value in whole.items()}
        _pickle(folder / f"data_batch_{k + 1}", {"batch_label": f"{k + 1} of 5", **part})
    _pickle(folder / "test_batch", {"batch_label": "testing batch 1 of 1", **_cifar_batch(task)})
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship"]
    _pickle(folder / "batches.meta", {"label_names": [*names, "truck"], "num_vis": 3072})


def _cifar100(root: Path, task: _Task) -> None:
    folder = root / "cifar-100-python"
    for split in ("train", "test"):
        batch = _cifar_batch(task)
        batch["fine_labels"] = batch.pop("labels")
        batch["coarse_labels"] = [label // 5 for label in batch["fine_labels"]]
        _pickle(folder / split, {"batch_label": split, **batch})
    fine = [f"class_{c}" for c in range(100)]
    _pickle(folder / "meta", {"fine_label_names": fine, "coarse_label_names": fine[::5]})


def _cifar_batch(task: _Task) -> dict:
    labels = [c for c, _ in task]
    # A row is 1024 red values, then green, then blue.
    images = np.stack([task.pixels(32, 32).transpose(2, 0, 1).reshape(-1) for _ in labels])
    names = [f"image_{k}.png" for k in range(len(labels))]
    return {"data": images, "labels": labels, "filenames": names}


def _pickle(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))


def _tiny_imagenet(root: Path, task: _Task) -> None:
    wnids = [_wnid(c) for c in range(task.classes)]
    # The published list is in no order, and so is ours: classes are numbered by sorted name.
    _write(root / "wnids.txt", wnids[::-1])
    _write(root / "words.txt", [f"{wnid}\tthing {c}, object" for c, wnid in enumerate(wnids)])
    for c, wnid in enumerate(wnids):
        names = [f"{wnid}_{i}.JPEG" for i in range(task.per_class)]
        for i, name in enumerate(names):
            grey = c == i == 0
            task.save(root / "train" / wnid / "images" / name, grey, size=(64, 64))
        boxes = [f"{name}\t0\t10\t63\t58" for name in names]
        _write(root / "train" / wnid / f"{wnid}_boxes.txt", boxes)
    lines = []
    for k, (c, _) in enumerate(task):
        task.save(root / "val" / "images" / f"val_{k}.JPEG", size=(64, 64))
        lines.append(f"val_{k}.JPEG\t{wnids[c]}\t0\t32\t44\t62")
    _write(root / "val" / "val_annotations.txt", lines)
    for k in range(2):  # without labels
        task.save(root / "test" / "images" / f"test_{k}.JPEG", size=(64, 64))


def _imagenet(root: Path, task: _Task) -> None:
    """Train in folders, val flat with its list. A list of train says that most folders lack."""
    wnids = [_wnid(c) for c in range(task.classes)]
    train, val = [], []
    for k, (c, i) in enumerate(task):
        train.append((f"{wnids[c]}/{wnids[c]}_{i}.JPEG", c))
        val.append((f"ILSVRC2012_val_{k + 1:08d}.JPEG", c))
    for split, samples in (("train", train), ("val", val)):
        for k, (name, _) in enumerate(samples):
            task.save(root / split / name, grey=k == 0)
        if split == "val" or task.classes < 1000:
            _write(root / "meta" / f"{split}.txt", [f"{name} {c}" for name, c in sorted(samples)])


def _wnid(c: int) -> str:
    return _WNIDS[c] if c < len(_WNIDS) else f"n{2000000 + 13 * c:08d}"


def _cub200(root: Path, task: _Task) -> None:
    birds = [f"{c + 1:03d}.Bird_{c + 1}" for c in range(task.classes)]
    _write(root / "classes.txt", [f"{c + 1} {bird}" for c, bird in enumerate(birds)])
    paths: list[str] = []
    labels, splits, boxes = [], [], []
    for c, bird in enumerate(birds):
        for i in range(2 * task.per_class):
            number = len(paths) + 1
            name = f"{bird}/Bird_{c + 1}_{i + 1:04d}_{796000 + number}.jpg"
            task.save(root / "images" / name, grey=number == 1)
            paths.append(f"{number} {name}")
            labels.append(f"{number} {c + 1}")
            splits.append(f"{number} {(i + 1) % 2}")  # 1 is for training
            boxes.append(f"{number} 2.0 3.0 20.0 20.0")
    _write(root / "images.txt", paths)
    _write(root / "image_class_labels.txt", labels)
    _write(root / "train_test_split.txt", splits)
    _write(root / "bounding_boxes.txt", boxes)


def _fgvc_aircraft(root: Path, task: _Task) -> None:
    variants = _AIRCRAFT.split(", ")[: task.classes]
    data, number = root / "data", 34309
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for split, lines in lists.items():
        # Train and val together are what is trained on.
        count = task.per_class if split == "test" else (task.per_class + (split == "train")) // 2
        for c, _ in replace(task, per_class=count):
            task.save(data / "images" / f"{number:07d}.jpg", grey=number == 34309)
            lines.append(f"{number:07d} {variants[c]}")
            number += 1
    lists["trainval"] = sorted(lists["train"] + lists["val"])
    for split, lines in lists.items():
        _write(data / f"images_variant_{split}.txt", sorted(lines))
    _write(data / "variants.txt", variants)


def _stanford_cars(root: Path, task: _Task) -> None:
    from scipy.io import savemat

    devkit = root / "devkit"
    devkit.mkdir(exist_ok=True)
    names = np.array([f"Car {c + 1} Sedan 2012" for c in range(task.classes)], dtype=object)
    savemat(devkit / "cars_meta.mat", {"class_names": names})
    boxes = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")
    for split in ("train", "test"):
        rows = []
        for k, (c, _) in enumerate(task):
            name = f"{k + 1:05d}.jpg"
            task.save(root / f"cars_{split}" / name, grey=k == 0)
            rows.append((*(np.uint8(b) for b in (2, 3, 20, 20)), np.uint8(c + 1), name))
        kinds = [(key, object) for key in (*boxes, "class", "fname")]
        table = np.array(rows, dtype=kinds)
        suffix = "" if split == "train" else "_withlabels"
        savemat(devkit / f"cars_{split}_annos{suffix}.mat", {"annotations": table})
        if split == "test":
            hidden = table[[*boxes, "fname"]].astype([(k, object) for k in (*boxes, "fname")])
            savemat(devkit / "cars_test_annos.mat", {"annotations": hidden})


def _npz(path: Path, task: _Task) -> None:
    arrays: dict[str, Any] = {}
    for split in ("train", "test"):
        labels = [c for c, _ in task]
        arrays[f"x_{split}"] = np.stack([task.pixels(*(task.size or (32, 32))) for _ in labels])
        arrays[f"y_{split}"] = np.array(labels)
    np.savez(path, classes=np.array([f"class_{c}" for c in range(task.classes)]), **arrays)


def _image_folder(root: Path, task: _Task) -> None:
    for split in ("train", "val"):
        for c, i in task:
            task.save(root / split / f"class_{c:03d}" / f"{i}.jpg", grey=c == i == 0)


class _Maker(NamedTuple):
    make: Callable[[Path, _Task], None]
    folder: str
    classes: int  # by default
    most: int


_MAKERS = {
    "cifar10": _Maker(_cifar10, "cifar10", 10, 10),
    "cifar100": _Maker(_cifar100, "cifar100", 100, 100),
    "tiny_imagenet": _Maker(_tiny_imagenet, "tiny-imagenet-200", 4, 200),
    "imagenet": _Maker(_imagenet, "imagenet", 4, 1000),
    "cub200": _Maker(_cub200, "CUB_200_2011", 4, 200),
    "fgvc_aircraft": _Maker(_fgvc_aircraft, "fgvc-aircraft-2013b", 4, 100),
    "stanford_cars": _Maker(_stanford_cars, "stanford_cars", 4, 196),
    "npz": _Maker(_npz, "images.npz", 4, 10**4),
    "image_folder": _Maker(_image_folder, "images", 4, 10**4),
}
#: Names that :func:`make_layout` knows.
LAYOUTS = tuple(_MAKERS)
