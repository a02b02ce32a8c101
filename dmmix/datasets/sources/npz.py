"""Your own arrays as a dataset."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from mmpretrain.datasets import BaseDataset
from torch import Tensor

from dmmix.arguments import Checked
from dmmix.datasets.arrays.mapped_array import MappedArray
from dmmix.datasets.arrays.memory import fits_in_memory
from dmmix.datasets.arrays.npz_arrays import ArrayHeader, NpzArrays
from dmmix.datasets.arrays.rows import out_of_range, picked, place
from dmmix.datasets.subsets.label_subset import stratified_subset
from dmmix.functional.ranges import Count
from dmmix.registry import DATASETS


@DATASETS.register_module()
class NPZDataset(Checked, BaseDataset):
    """Images and labels out of an npz file.

    ``np.savez("birds.npz", x_train=..., y_train=..., x_test=..., y_test=...)`` writes it. Images
    are uint8, (N, H, W, ch) or (N, H, W); labels are integers from 0, (N,) or (N, 1). An array
    ``classes`` of strings, one a class, is optional. Only the arrays of the split are read, and
    nothing is unpickled.

    The images are kept as one array. Those of a file written without compression
    (``np.savez``) may stay there: it is then mapped, and rows are read when they are needed.

    Args:
        data_file: path of the file, relative to ``data_root`` if that is given.
        split: ``'train'`` or ``'test'``.
        labels_per_class: how many training images of each class to use; ``None`` for all.
        subset_seed: which of them, when ``labels_per_class`` is given.
        mmap: ``False`` reads the images, ``True`` maps them, ``'auto'`` reads what fits into a
            quarter of the available memory and maps what does not.
        num_classes: the labels must be below it; by default the number of class names, where
            there are any.
        pipeline, ...: as for :class:`mmpretrain.datasets.BaseDataset`; ``test_mode`` is true by
            default for the test split. A sample has ``img`` (H, W, ch) uint8, a copy, and
            ``gt_label``.

    Raises:
        FileNotFoundError: there is no such file.
        KeyError: an array is missing.
        TypeError: images that are not uint8, labels that are not integers.
        ValueError: no npz file, a damaged one, one with Python objects; wrong shapes; labels out
            of range; compressed images with ``mmap=True``; an unknown option.
        RuntimeError: (when samples are read) the mapped file has changed.
    """

    def __init__(
        self,
        data_file: str,
        split: Literal["train", "test"] = "train",
        labels_per_class: Count | None = None,
        subset_seed: int = 0,
        mmap: bool | Literal["auto"] = "auto",
        num_classes: Count | None = None,
        **kwargs: Any,
    ) -> None:
        if labels_per_class is not None and split == "test":
            raise ValueError("labels_per_class is for split='train', got split='test'")
        self.data_file = os.path.join(
            os.path.expanduser(kwargs.get("data_root") or ""), os.path.expanduser(data_file)
        )
        self.split = split
        self.labels_per_class = labels_per_class
        self.subset_seed = subset_seed
        self.mmap = mmap
        self.num_classes = num_classes
        self._choose: Callable[[np.ndarray], np.ndarray] | None = None
        # A tensor, because torch shares those with worker processes instead of copying them.
        self._images: Tensor | MappedArray
        self._labels: Tensor
        self._fully_initialized: bool
        kwargs.setdefault("test_mode", split == "test")
        kwargs["serialize_data"] = False  # there are no objects to serialise
        super().__init__(ann_file="", **kwargs)

    def full_init(self) -> None:
        """Opens the file, checks what is in it and reads or maps the split; once."""
        if self._fully_initialized:
            return
        images, labels = f"x_{self.split}", f"y_{self.split}"
        with NpzArrays(self.data_file) as arrays:
            arrays.require(images, labels)
            header = _check_images(f"{self.data_file}: {images}", arrays.header(images))
            self._set_classes(arrays)
            targets = _check_labels(
                f"{self.data_file}: {labels}",
                arrays.read(labels),
                header.shape[0],
                self.num_classes,
            )
            rows = self._rows(targets)
            self._images = self._hold(arrays, images, header, rows)
        self._labels = torch.from_numpy(targets if rows is None else targets[rows])
        self._fully_initialized = True

    def _set_classes(self, arrays: NpzArrays) -> None:
        """Names of the classes: those given, those in the file, or the numbers."""
        names = self.CLASSES
        if names is None and "classes" in arrays.names:
            found = arrays.read("classes")
            if found.ndim != 1 or found.dtype.kind != "U":
                raise ValueError(
                    f"{self.data_file}: classes must be strings, (number of classes,), got "
                    f"{found.dtype} {found.shape}: np.array(names, dtype=str)"
                )
            names = tuple(found.tolist())
        if names is not None and self.num_classes not in (None, len(names)):
            raise ValueError(f"num_classes={self.num_classes}, but there are {len(names)} names")
        if names is not None:
            self.num_classes = len(names)
        elif self.num_classes is not None:
            names = tuple(str(number) for number in range(self.num_classes))
        if names is not None:
            self._metainfo["classes"] = tuple(names)

    def _rows(self, labels: np.ndarray) -> np.ndarray | None:
        """Which of the samples are used; ``None`` for all."""
        rows = None
        if self.labels_per_class is not None:
            rows = stratified_subset(labels, self.labels_per_class, self.subset_seed)
        if self._indices is not None:
            rows = np.arange(len(labels)) if rows is None else rows
            rows = picked(rows, self._indices)
        if self._choose is not None:
            chosen = self._choose(labels if rows is None else labels[rows])
            rows = chosen if rows is None else rows[chosen]
        return rows

    def chosen(self, choose: Callable[[np.ndarray], np.ndarray]) -> NPZDataset:
        """A dataset of the samples whose numbers ``choose(labels)`` gives.

        Where the images are not read yet, those of the other samples never are.
        """
        if self._fully_initialized:
            return self.get_subset(choose(self.get_gt_labels()))
        other = copy.copy(self)
        other._choose = choose
        return other

    def _hold(
        self, arrays: NpzArrays, name: str, header: ArrayHeader, rows: np.ndarray | None
    ) -> Tensor | MappedArray:
        mapped = None
        if self.mmap is True or header.offset is not None:
            mapped = arrays.map(name, header.shape)
            mapped = mapped if rows is None else mapped.subset(rows)
            if self.mmap is True or (self.mmap == "auto" and not fits_in_memory(mapped.nbytes)):
                return mapped
        if mapped is not None and rows is not None:
            images = mapped.take(slice(None))  # reads these rows only
        else:
            images = arrays.read(name).reshape(header.shape)
            images = images if rows is None else images[rows]
        return torch.from_numpy(np.ascontiguousarray(images))

    def arrays(self) -> tuple[np.ndarray | MappedArray, np.ndarray]:
        """All images (N, H, W, ch) uint8 and labels (N,) int64, as they are held.

        They are not copies: leave them as they are. Images that stay in the file are a
        :class:`~dmmix.datasets.MappedArray`.
        """
        self.full_init()
        images = self._images
        return images.numpy() if isinstance(images, Tensor) else images, self._labels.numpy()

    def get_data_info(self, idx: int) -> dict:
        """A sample before the pipeline."""
        self.full_init()
        _, row = place(idx, len(self))
        if isinstance(self._images, Tensor):
            image = self._images[row].numpy().copy()  # transforms may write into it
        else:
            image = self._images.take(row)
        return {"img": image, "gt_label": int(self._labels[row]), "sample_idx": row}

    def __len__(self) -> int:
        self.full_init()
        return len(self._labels)

    def get_gt_labels(self) -> np.ndarray:
        """Labels of all samples, (N,)."""
        self.full_init()
        return self._labels.numpy().copy()

    def get_subset_(self, indices: Sequence[int] | np.ndarray | int) -> None:
        """Keeps some samples, as in mmengine: the first (below 0: last) ones, or those listed."""
        rows = picked(np.arange(len(self)), indices)
        images = self._images
        self._images = images.subset(rows) if isinstance(images, MappedArray) else images[rows]
        self._labels = self._labels[rows]

    def get_subset(self, indices: Sequence[int] | np.ndarray | int) -> NPZDataset:
        """A dataset of some of the samples, as in mmengine."""
        self.full_init()
        other = copy.copy(self)
        other.get_subset_(indices)
        return other

    def extra_repr(self) -> list[str]:
        """What of the data is used."""
        lines = [
            f"Data file: \t{self.data_file}",
            f"Split: \t{self.split}",
            f"Labels a class: \t{self.labels_per_class or 'all'}",
        ]
        if self._fully_initialized:
            mapped = isinstance(self._images, MappedArray)
            lines.append(f"Images: \t{'mapped' if mapped else 'in memory'}")
        return lines


def _check_images(name: str, header: ArrayHeader) -> ArrayHeader:
    """The header with the shape (N, H, W, ch)."""
    shape, dtype = header.shape, header.dtype
    if dtype != np.uint8:
        how = {
            "f": "x.round().astype(np.uint8) if they run from 0 to 255, "
            "(x * 255).round().astype(np.uint8) if from 0 to 1",
            "b": "x.astype(np.uint8) * 255",
        }.get(dtype.kind, "x.astype(np.uint8) if they run from 0 to 255")
        raise TypeError(f"{name} is {dtype}, images must be uint8: {how}")
    if len(shape) not in (3, 4) or 0 in shape:
        raise ValueError(f"{name} must be (N, H, W, ch) or (N, H, W) and not empty, got {shape}")
    if len(shape) == 4 and shape[1] in (1, 3) and shape[3] > 4:
        raise ValueError(
            f"{name} is {shape}, which looks like (N, ch, H, W): channels come last, "
            "x.transpose(0, 2, 3, 1)"
        )
    return header._replace(shape=shape if len(shape) == 4 else (*shape, 1))


def _check_labels(name: str, labels: np.ndarray, count: int, num_classes: int | None) -> np.ndarray:
    """The labels as (N,) int64."""
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name} is {labels.dtype}, labels must be integers")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        hint = ": one class a sample, y.argmax(1) of one-hot labels" if labels.ndim == 2 else ""
        raise ValueError(f"{name} must be (N,), got {labels.shape}{hint}")
    if len(labels) != count:
        raise ValueError(f"{name} has {len(labels)} labels for {count} images")
    wrong = out_of_range(labels, num_classes)
    if len(wrong):
        at = wrong[0]
        most = "" if num_classes is None else f" and below {num_classes}, the number of classes"
        raise ValueError(f"{name}[{at}] is {labels[at]}, labels must be at least 0{most}")
    return np.ascontiguousarray(labels, dtype=np.int64)
