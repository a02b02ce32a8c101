"""The samples of wrapped data sets, found in the data sets that make them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import ClassBalancedDataset, ConcatDataset, RepeatDataset
from mmpretrain.datasets import KFoldDataset
from torch.utils import data
from torch.utils.data import Dataset

from dmmix.datasets.arrays.rows import picked, place, times_before
from dmmix.datasets.interface import (
    RenumberedSource,
    TwoStreams,
    class_names,
    makes_batches,
    set_epoch,
)
from dmmix.datasets.sources.match_classes import match_classes
from dmmix.functional.tensors.draws import to_device

_SINGLE = (RepeatDataset, ClassBalancedDataset, KFoldDataset, data.Subset)
_SEVERAL = (ConcatDataset, data.ConcatDataset)
#: Those whose samples can be found in what they wrap.
WRAPPERS = (*_SINGLE, *_SEVERAL)


def unwrap(dataset: Any) -> Any:
    """An :class:`Unwrapped` of mmengine's, mmpretrain's and torch's wrappers, or its argument.

    Raises TypeError for a wrapper around a SemiDataset.
    """
    return Unwrapped(dataset) if _sees_through(dataset) else dataset


class Unwrapped(Dataset):
    """A wrapped data set whose samples come straight from those that make them.

    mmengine's ``ConcatDataset``, ``RepeatDataset`` and ``ClassBalancedDataset``, mmpretrain's
    ``KFoldDataset``, torch's ``Subset`` and ``ConcatDataset``, in one another: sample ``i`` of the
    wrapper is a sample of one of the data sets inside. To ask that one

    - makes whole batches where all of them do (``dmmix.datasets.interface.BatchSource``);
    - gives each copy of an image a random crop of its own where a wrapper repeats it, and to
      repeated augmentation too (``dmmix.datasets.interface.RepeatSource``). The first copy
      is cropped as without the wrapper;
    - lets all of them know the epoch.

    Args:
        wrapper: the wrapped data set.

    Raises:
        TypeError: no wrapper that can be seen through, or one around a SemiDataset.
        ValueError: data sets whose classes are not the same by name.
    """

    def __init__(self, wrapper: Any) -> None:
        if not _sees_through(wrapper):
            raise TypeError(f"{type(wrapper).__name__} is no wrapper that can be seen through")
        self.wrapper = wrapper
        self._leaves: list[Any] = []
        self._leaf, self._row = self._find(wrapper)
        for leaf in self._leaves[1:]:
            name, first = type(leaf).__name__, type(self._leaves[0]).__name__
            match_classes(leaf, class_names(self._leaves[0]), name, f"{first} before it")
        self._repeating = [bool(getattr(leaf, "repeats", False)) for leaf in self._leaves]
        #: Whether an index beyond the length is another crop.
        self.repeats = any(self._repeating)
        starts = np.cumsum([0, *map(len, self._leaves)])
        self._copy = times_before(starts[self._leaf] + self._row)
        self._most = int(self._copy.max(initial=0)) + 1

    def _find(self, dataset: Any) -> tuple[np.ndarray, np.ndarray]:
        """For each sample the number of the data set that makes it, and its own there."""
        if hasattr(dataset, "full_init"):
            dataset.full_init()
        if not _sees_through(dataset):
            return self._add(dataset)
        if isinstance(dataset, _SEVERAL):
            found = [self._find(part) for part in dataset.datasets]
            leaf, row = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
            return leaf, row
        leaf, row = self._find(dataset.dataset)
        if isinstance(dataset, RepeatDataset):
            at = np.tile(np.arange(len(row)), dataset.times)
        elif isinstance(dataset, ClassBalancedDataset):
            at = np.asarray(dataset.repeat_indices, dtype=np.int64)
        elif isinstance(dataset, data.Subset):
            at = np.asarray(dataset.indices, dtype=np.int64)
        else:  # a fold has made its subset itself
            at = np.arange(len(row))
        return leaf[at], row[at]

    def _add(self, dataset: Any) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(dataset, TwoStreams):
            raise TypeError(
                f"{type(dataset).__name__} makes batches of two streams and goes into no wrapper: "
                "wrap the dataset inside it"
            )
        known = [id(leaf) for leaf in self._leaves]
        number = known.index(id(dataset)) if id(dataset) in known else len(known)
        if number == len(known):
            self._leaves.append(dataset)
        return np.full(len(dataset), number), np.arange(len(dataset))

    def __deepcopy__(self, memo: dict) -> Unwrapped:
        return self  # mmengine copies what it is given; the data would be there twice

    @property
    def batched(self) -> bool:
        """Whether it makes whole batches."""
        return all(makes_batches(leaf) for leaf in self._leaves)

    @property
    def metainfo(self) -> dict:
        """That of the first data set inside which has any."""
        there = [part for part in (*self._leaves, self.wrapper) if hasattr(part, "metainfo")]
        return copy.deepcopy(there[0].metainfo) if there else {}

    @property
    def CLASSES(self) -> tuple[str, ...] | None:
        """Names of the classes."""
        return class_names(self)

    def set_epoch(self, epoch: int) -> None:
        """Tells it to all data sets inside."""
        for leaf in self._leaves:
            set_epoch(leaf, epoch)

    def __len__(self) -> int:
        return len(self._row)

    def _place(self, index: int) -> tuple[int, int]:
        """The number of the data set, and the index to ask it for."""
        repeat, at = place(index, len(self), self.repeats)
        number, row = int(self._leaf[at]), int(self._row[at])
        leaf = self._leaves[number]
        if self._repeating[number]:
            row += (repeat * self._most + int(self._copy[at])) * len(leaf)
        return number, row

    def __getitem__(self, index: int) -> Any:
        number, row = self._place(index)
        return self._leaves[number][row]

    def __getitems__(self, indices: Sequence[int]) -> Any:
        """A batch, whole where all data sets make whole ones, otherwise a list of samples."""
        if not self.batched:
            return [self[i] for i in indices]
        places = np.array([self._place(i) for i in indices], dtype=np.int64).reshape(-1, 2)
        numbers = np.unique(places[:, 0])
        if len(numbers) < 2:
            leaf = self._leaves[int(numbers[0]) if len(numbers) else 0]
            return leaf.__getitems__(places[:, 1].tolist())
        order = np.argsort(places[:, 0], kind="stable")
        found = [
            self._leaves[n].__getitems__(places[places[:, 0] == n, 1].tolist()) for n in numbers
        ]
        back = torch.from_numpy(np.argsort(order))
        batch = {}
        for key in found[0]:
            values = torch.cat([part[key] for part in found])
            (there,) = to_device([back], values.device)
            batch[key] = values.index_select(0, there)
        return batch

    def get_subset(self, indices: Sequence[int] | int) -> Unwrapped:
        """Some of the samples, as in mmengine."""
        rows = picked(np.arange(len(self)), indices)
        other = copy.copy(self)
        other._leaf, other._row, other._copy = (
            array[rows] for array in (self._leaf, self._row, self._copy)
        )
        return other

    def in_the_middle(self) -> Unwrapped:
        """The same samples as for evaluation: nothing random."""
        other = copy.copy(self)
        other._leaves = [
            leaf.in_the_middle() if hasattr(leaf, "in_the_middle") else leaf
            for leaf in self._leaves
        ]
        return other

    def renumber_classes(self, names: Sequence[str]) -> None:
        """Gives each class the number of its name in ``names``, in all data sets inside.

        Raises TypeError where one of them cannot do so.
        """
        for leaf in self._leaves:
            if not isinstance(leaf, RenumberedSource):
                raise TypeError(f"{type(leaf).__name__} cannot number its classes anew")
        for leaf in self._leaves:
            leaf.renumber_classes(names)

    def get_gt_labels(self) -> np.ndarray:
        """Labels of all samples, (N,)."""
        labels = [np.asarray(leaf.get_gt_labels()) for leaf in self._leaves]
        starts = np.cumsum([0, *map(len, labels)])
        return np.concatenate(labels)[starts[self._leaf] + self._row]

    def get_cat_ids(self, idx: int) -> list[int]:
        """The classes of a sample, as mmengine's samplers ask for them."""
        return self._leaves[self._leaf[idx]].get_cat_ids(int(self._row[idx]))

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """What is known of a sample."""
        return self._leaves[self._leaf[idx]].get_data_info(int(self._row[idx]))

    def __repr__(self) -> str:
        inside = ", ".join(f"{type(leaf).__name__} ({len(leaf)})" for leaf in self._leaves)
        return f"Unwrapped {type(self.wrapper).__name__}: {len(self)} samples of {inside}"


def _sees_through(dataset: Any) -> bool:
    """Whether it is such a wrapper, with the samples that this kind of wrapper has."""
    kind = type(dataset)
    return isinstance(dataset, WRAPPERS) and any(
        kind.__getitem__ is known.__getitem__ for known in WRAPPERS
    )
