"""scikit-learn's handwritten digits: real images that come with a package."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from dmmix.datasets.label_subset import stratified_subset
from dmmix.registry import DATASETS

__all__ = ["Digits"]


@DATASETS.register_module()
class Digits(BaseDataset):
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
        split: str = "train",
        labels_per_class: int | None = None,
        subset_seed: int = 0,
        **kwargs: Any,
    ) -> None:
        if split not in ("train", "test"):
            raise ValueError(f"split must be 'train' or 'test', got {split!r}")
        if labels_per_class is not None and split == "test":
            raise ValueError("labels_per_class is for split='train', got split='test'")
        self.split = split
        self.labels_per_class = labels_per_class
        self.subset_seed = subset_seed
        super().__init__(ann_file="", test_mode=split == "test", **kwargs)

    def load_data_list(self) -> list[dict]:
        """All samples of the split, in a fixed order."""
        digits = load_digits()
        # The scans count ink from 0 to 16.
        images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
        labels = digits.target.astype(np.int64)
        train, test = train_test_split(
            np.arange(len(labels)), test_size=0.5, stratify=labels, random_state=0
        )
        rows = np.sort(train if self.split == "train" else test)
        if self.labels_per_class is not None:
            rows = rows[stratified_subset(labels[rows], self.labels_per_class, self.subset_seed)]
        return [{"img": images[row], "gt_label": int(labels[row])} for row in rows]

    def extra_repr(self) -> list[str]:
        """What of the data is used."""
        return [f"Split: \t{self.split}", f"Labels a class: \t{self.labels_per_class or 'all'}"]
