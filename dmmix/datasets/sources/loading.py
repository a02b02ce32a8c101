"""The images and labels of a dataset as arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from mmpretrain.datasets import BaseDataset
from torch import Tensor

from dmmix.datasets.arrays.mapped_array import MappedArray
from dmmix.datasets.arrays.stacking import stack_images
from dmmix.datasets.interface import ArraySource
from dmmix.datasets.sources.from_dataset import build_lazily
from dmmix.datasets.sources.sample_list import check_one_class
from dmmix.datasets.subsets.label_subset import LabelSubset, subset_indices


def build_source(config: Mapping) -> BaseDataset:
    """The dataset of a config, not loaded yet."""
    dataset = build_lazily(config, "InMemory")
    if getattr(dataset, "split", None) == "test":
        # mmpretrain's MNIST chooses its files by test_mode, whatever the split.
        dataset.test_mode = True
    return dataset


def load_arrays(
    source: BaseDataset, subset: LabelSubset | None
) -> tuple[Tensor | MappedArray, Tensor, Tensor | None]:
    """Images (N, H, W, ch) uint8, labels (N,) int64, and their rows in the whole if some are out.

    Where the source can be told which rows it will be asked for, it reads no others.

    Raises:
        TypeError: samples without ``img`` and ``gt_label``.
        ValueError: no samples, images that do not stack, a subset that there is not.
    """
    rows: np.ndarray | None = None

    def choose(labels: np.ndarray) -> np.ndarray:
        nonlocal rows
        assert subset is not None
        rows = subset_indices(labels, subset, source.metainfo.get("classes"))
        return rows

    if isinstance(source, ArraySource):
        if subset is not None:
            source = source.chosen(choose)
        images, labels = source.arrays()
        if subset is not None:  # others than the chosen ones, where these were corrupt
            rows = getattr(source, "rows", rows)
    else:
        if not source._fully_initialized:
            source.serialize_data = False
        source.full_init()
        images, labels = _collect(source, None if subset is None else choose)
    if isinstance(images, np.ndarray):
        images = torch.from_numpy(images if images.flags.writeable else images.copy())
    return images, torch.from_numpy(labels), None if rows is None else torch.from_numpy(rows)


def _collect(
    source: BaseDataset, choose: Callable[[np.ndarray], np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray]:
    name = type(source).__name__
    # get_data_info would copy each image of a list.
    info = source.get_data_info if source.serialize_data else source.data_list.__getitem__
    if not len(source):
        raise ValueError(f"{name} has no samples")
    for key in ("img", "gt_label"):
        if key not in info(0):
            hint = "; DecodedImages is for image files" if "img_path" in info(0) else ""
            raise TypeError(
                f"InMemory needs {key!r}, the samples of {name} have {sorted(info(0))}{hint}"
            )
    found = [info(i)["gt_label"] for i in range(len(source))]
    check_one_class("InMemory", name, found)
    labels = np.array([int(label) for label in found], dtype=np.int64)
    if choose is None:
        return stack_images([info(i)["img"] for i in range(len(source))]), labels
    rows = choose(labels)
    images = [info(i)["img"] for i in rows]
    stacked = stack_images(images)
    if np.may_share_memory(stacked, images[0]):
        stacked = stacked.copy()  # a view would keep all the others
    return stacked, labels[rows]
