"""Paths and labels of many files, in little memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset

from dmmix.datasets.messages import check_folder
from dmmix.datasets.sources.from_dataset import build_lazily

#: The label of samples that have none.
UNLABELLED = -1


class SampleList:
    """Paths and labels as three arrays: forked workers share them, and a million take 100 MB."""

    def __init__(self, paths: Sequence[str], labels: Sequence[int] | np.ndarray) -> None:
        encoded = [path.encode("utf-8", "surrogateescape") for path in paths]
        self._bytes = np.frombuffer(b"".join(encoded), np.uint8)
        self._ends = np.cumsum([0, *map(len, encoded)])
        self.labels = np.array(labels, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    def path(self, row: int) -> str:
        """Of one file."""
        start, end = self._ends[row : row + 2]
        return self._bytes[start:end].tobytes().decode("utf-8", "surrogateescape")


def build_source(dataset: Mapping | BaseDataset) -> BaseDataset:
    """The dataset of a config, its lists not yet loaded; or the one that is given.

    Raises FileNotFoundError where there is no folder ``data_root``, ValueError where files in it
    are missing.
    """
    if not isinstance(dataset, Mapping):
        return dataset
    root = str(dataset.get("data_root", ""))
    if root and "://" not in root:
        check_folder(os.path.expanduser(root), " (dmmix data prepare unpacks data sets)")
    try:
        return build_lazily(dataset, "DecodedImages")
    except RuntimeError as error:  # StanfordCars: with line breaks and many spaces
        raise ValueError(f"{root}: {' '.join(str(error).split())}") from error


def check_one_class(taker: str, name: str, labels: Sequence) -> None:
    """Raises TypeError for a list of classes; ``taker`` takes the samples of the class ``name``."""
    for row, label in enumerate(labels):
        if not isinstance(label, int) and np.ndim(label):
            raise TypeError(
                f"{taker} takes one class an image, sample {row} of {name} has {list(label)} "
                f"(multi-label): train on {name} itself, with a pipeline that ends in "
                "dict(type='PackLabels', num_classes=...)"
            )


def read_samples(source: BaseDataset) -> SampleList:
    """Paths and labels of a dataset, which is loaded if it is not yet.

    Raises TypeError for samples that have none, ValueError for no samples or unreadable lists.
    """
    name = type(source).__name__
    if not source._fully_initialized:
        source.serialize_data = False  # the list is read once, and let go
        try:
            source.full_init()
        except (AssertionError, LookupError, RuntimeError, TypeError, ValueError) as error:
            if getattr(source, "errors_name_files", False):
                raise
            where = source.ann_file or source.data_root
            raise ValueError(f"{where} cannot be read as {name}'s: {error}") from error
    infos = source.data_list or [source.get_data_info(i) for i in range(len(source))]
    if not infos:
        raise ValueError(f"{name} has no samples")
    if "img_path" not in infos[0]:
        hint = "; InMemory is for images in memory" if "img" in infos[0] else ""
        raise TypeError(f"DecodedImages needs 'img_path', {name} has {sorted(infos[0])}{hint}")
    labels: Any = [info.get("gt_label", UNLABELLED) for info in infos]
    if any(np.ndim(label) for label in labels):
        labels = _multi_hot(labels, source.metainfo.get("classes"), name)
    return SampleList([info["img_path"] for info in infos], labels)


def _multi_hot(labels: Sequence, classes: Sequence | None, name: str) -> np.ndarray:
    """Of lists of classes, (N, C) with a 1 for each."""
    number = len(classes or ())
    if not number:
        check_one_class("DecodedImages", name, labels)
    rows = np.zeros((len(labels), number), dtype=np.int64)
    for at, label in enumerate(labels):
        found = np.atleast_1d(np.asarray(label, dtype=np.int64))
        if len(found) and not (found.min() >= 0 and found.max() < number):
            raise ValueError(f"sample {at} of {name} has the classes {found.tolist()} of {number}")
        rows[at, found] = 1
    return rows
