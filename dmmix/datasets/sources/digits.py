"""scikit-learn's handwritten digits: real images that come with a package."""

from __future__ import annotations

import base64
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from mmpretrain.datasets import BaseDataset

from dmmix.arguments import Checked
from dmmix.datasets.subsets.label_subset import stratified_subset
from dmmix.functional.ranges import Count
from dmmix.registry import DATASETS

#: One bit an image, 1 where it is for training: what scikit-learn's train_test_split draws
#: (test_size=0.5, stratified, random_state=0), without importing it, which takes a second.
_IN_TRAIN = (
    "Fce7NUoZhy5mqZDeKI2y4QXX8ezVS78Q2NOh987maGD+L8bNWcoBXGU8YQu117AgQ7no0TadMB01zg9Fn+EnWoYU"
    "Xs+2p3I6eG294A9v7qq1E74O4d6JETP2egXIaXM8QHjBWFkhgbzb7dAkKxf6WUYC7O0Njhq/DtOPkWPIEFgt4LKh"
    "N7+3nVZbY1WLtgmgapwRdCxUIG0SdTpd2tlgndwyDf0+DgJxJDe2BmqyaTHe9XMnVwqNyFHG3jayMzeRNJ7JLNVN"
    "bPYJUY/SWThaNxCLficXW0uteEmlzSrDQ+KY"
)


@DATASETS.register_module()
class Digits(Checked, BaseDataset):
    """1,797 grey images of 8 x 8 pixels, 10 classes; nothing is downloaded.

    Half of each class is the test split, always the same half.

    Args:
        split: ``'train'`` or ``'test'``.
        labels_per_class: how many training images of each class to use; ``None`` for all.
        subset_seed: which of them, when ``labels_per_class`` is given.
        pipeline, ...: as for :class:`mmpretrain.datasets.BaseDataset`; a sample has ``img``
            (8, 8, 1) uint8 and ``gt_label``.

    Raises:
        ValueError: an unknown split, or more labels a class than there are.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (UCI, CC BY 4.0).
    """

    METAINFO = {"classes": tuple(str(digit) for digit in range(10))}  # noqa: RUF012

    def __init__(
        self,
        split: Literal["train", "test"] = "train",
        labels_per_class: Count | None = None,
        subset_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        if labels_per_class is not None and split == "test":
            raise ValueError("labels_per_class is for split='train', got split='test'")
        self.split = split
        self.labels_per_class = labels_per_class
        self.subset_seed = subset_seed
        super().__init__(ann_file="", test_mode=split == "test", **kwargs)

    def load_data_list(self) -> list[dict]:
        """All samples of the split, in a fixed order."""
        ink, labels = _scans()
        # The scans count ink from 0 to 16.
        images = np.rint(ink * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
        bits = np.frombuffer(base64.b64decode(_IN_TRAIN), np.uint8)
        in_train = np.unpackbits(bits, count=len(labels)).astype(bool)
        rows = np.flatnonzero(in_train if self.split == "train" else ~in_train)
        if self.labels_per_class is not None:
            rows = rows[stratified_subset(labels[rows], self.labels_per_class, self.subset_seed)]
        return [{"img": images[row], "gt_label": int(labels[row])} for row in rows]

    def extra_repr(self) -> list[str]:
        """What of the data is used."""
        return [f"Split: \t{self.split}", f"Labels a class: \t{self.labels_per_class or 'all'}"]


def _scans() -> tuple[np.ndarray, np.ndarray]:
    """The file of scikit-learn's ``load_digits``, read without importing scikit-learn and SciPy.

    Returns:
        Pixels (1797, 64) and labels (1797,).
    """
    spec = find_spec("sklearn")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        file = Path(folder, "datasets", "data", "digits.csv.gz")
        if file.is_file():
            table = np.loadtxt(file, delimiter=",", dtype=np.int64)
            return table[:, :-1], table[:, -1]
    from sklearn.datasets import load_digits  # it may keep the file elsewhere one day

    return load_digits(return_X_y=True)
