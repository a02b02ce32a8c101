"""A few labelled images beside many without labels."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dmmix.datasets.label_subset import LabelSubset, subset_indices
from dmmix.datasets.semi.num_labels import resolve_subset
from dmmix.registry import DATASETS

__all__ = ["SemiDataset"]

_UNLABELLED = ("all", "rest")


@DATASETS.register_module()
class SemiDataset(Dataset):
    """A labelled and an unlabelled stream of images, in whole batches.

    A batch is::

        {"labelled": {"inputs": (B, ch, H, W) uint8, "labels": (B,)},
         "unlabelled": {"inputs": (mu B, ch, H, W) uint8, "index": (mu B,)}}

    ``index`` numbers the images of the unlabelled stream. Their labels are not in it.

    Labelled sample ``i`` has index ``i``, unlabelled sample ``j`` index ``num_labelled + j``; that
    plus ``k * len(self)`` is the ``k``-th draw of it, which matters where the wrapped dataset crops
    at random by index (image files): each draw has a crop of its own, which its weak and its strong
    view share.

    Config::

        train_dataloader = dict(
            batch_size=64,
            dataset=dict(
                type='SemiDataset',
                dataset=dict(type='InMemory', dataset=dict(type='CIFAR10', split='train', ...)),
                subset=dict(num_labels=40, seed=0)),
            sampler=dict(type='MultiSourceSampler'),
            batch_sampler=dict(type='MultiSourceBatchSampler', mu=7),
            collate_fn=dict(type='whole_batch'))

    Args:
        dataset: all images: an :class:`~dmmix.datasets.InMemory`,
            :class:`~dmmix.datasets.DecodedImages` or :class:`~dmmix.datasets.DecodedFolder`, or its
            config. It is held once.
        subset: which of them are labelled: as for :class:`~dmmix.datasets.LabelSubset`, or
            ``dict(num_labels=40, seed=0)``, that many in all.
        unlabelled: ``'all'`` images, the labelled ones too, as most methods' authors have it; the
            ``'rest'``; or the config of a dataset of its own, whose labels are not looked at.
        hidden_labels: put the labels of the unlabelled images into the batch as
            ``hidden_labels``, to watch how good pseudo-labels are; no method learns from them.

    Raises:
        TypeError: a dataset that has no labels to tell.
        ValueError: a class without a labelled sample; more labels than there are; no unlabelled
            images, or of another size; an unknown option.
    """

    #: The dataset makes whole batches.
    batched = True

    def __init__(
        self,
        dataset: Mapping | Dataset,
        subset: Mapping | LabelSubset,
        unlabelled: Literal["all", "rest"] | Mapping | Dataset = "all",
        hidden_labels: bool = False,
    ) -> None:
        if isinstance(unlabelled, str) and unlabelled not in _UNLABELLED:
            raise ValueError(
                f"unlabelled must be one of {_UNLABELLED} or a dataset, got {unlabelled!r}"
            )
        self._labelled_from = _built("dataset", dataset)
        labels = np.asarray(self._labelled_from.get_gt_labels())
        classes = self.CLASSES
        self.num_classes = len(classes) if classes is not None else int(labels.max()) + 1
        self.subset = resolve_subset(subset, self.num_classes)
        self.labelled_rows = subset_indices(labels, self.subset, classes)
        self._labels = labels[self.labelled_rows]
        _check_every_class(self._labels, self.num_classes, classes)
        self.hidden_labels = hidden_labels
        if isinstance(unlabelled, str):
            self._unlabelled_from = self._labelled_from
            rows = np.arange(len(labels))
            if unlabelled == "rest":
                rows = np.setdiff1d(rows, self.labelled_rows)
        else:
            self._unlabelled_from = _built("unlabelled", unlabelled)
            rows = np.arange(len(self._unlabelled_from))
            if len(rows):
                _check_same_size(self._labelled_from, self._unlabelled_from)
        if not len(rows):
            raise ValueError(
                f"unlabelled={unlabelled!r}: no unlabelled images; {len(self.labelled_rows)} of "
                f"{len(labels)} are labelled"
            )
        self.unlabelled_rows = rows

    @property
    def num_labelled(self) -> int:
        """How many images are labelled."""
        return len(self.labelled_rows)

    @property
    def num_unlabelled(self) -> int:
        """How many images the unlabelled stream has."""
        return len(self.unlabelled_rows)

    @property
    def sources(self) -> tuple[int, int]:
        """Sizes of the two streams."""
        return self.num_labelled, self.num_unlabelled

    @property
    def metainfo(self) -> dict:
        """A copy of the dataset's meta information, with ``classes``."""
        return copy.deepcopy(self._labelled_from.metainfo)

    @property
    def CLASSES(self) -> Sequence[str] | None:
        """Names of the classes."""
        return self._labelled_from.metainfo.get("classes")

    def get_gt_labels(self) -> np.ndarray:
        """Labels of the labelled images, (num_labelled,)."""
        return self._labels.copy()

    def __len__(self) -> int:
        return sum(self.sources)

    def __getitem__(self, index: int) -> dict[str, dict[str, Tensor]]:
        """A batch of one image, in one of the streams."""
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> dict[str, dict[str, Tensor]]:
        """A batch; a stream of which no index is asked for is left out.

        Raises:
            IndexError: an index below 0.
        """
        index = np.asarray(indices, dtype=np.int64)
        if len(index) and index.min() < 0:
            raise IndexError(f"index {index.min()} is out of range, the first is 0")
        draws, places = np.divmod(index, len(self))
        known = places < self.num_labelled
        batch: dict[str, dict[str, Tensor]] = {}
        if known.any():
            rows = self.labelled_rows[places[known]]
            found = _gather(self._labelled_from, rows, 2 * draws[known])
            batch["labelled"] = {"inputs": found["inputs"], "labels": found["labels"]}
        if not known.all():
            members = places[~known] - self.num_labelled
            rows = self.unlabelled_rows[members]
            found = _gather(self._unlabelled_from, rows, 2 * draws[~known] + 1)
            batch["unlabelled"] = {"inputs": found["inputs"], "index": torch.from_numpy(members)}
            if self.hidden_labels:
                batch["unlabelled"]["hidden_labels"] = found["labels"]
        return batch

    def __repr__(self) -> str:
        lines = [
            "Dataset SemiDataset",
            f"Labelled: \t{self.num_labelled} ({self.subset})",
            f"Unlabelled: \t{self.num_unlabelled}",
            f"Number of categories: \t{self.num_classes}",
            f"Made from: \t{type(self._labelled_from).__name__}",
        ]
        return "\n    ".join(lines)


def _built(name: str, dataset: Any) -> Any:
    if isinstance(dataset, Mapping):
        dataset = DATASETS.build({"_scope_": "dmmix", **dataset})
    if not hasattr(dataset, "get_gt_labels"):
        raise TypeError(
            f"{name} must be an InMemory, DecodedImages or DecodedFolder, got "
            f"{type(dataset).__name__}"
        )
    return dataset


def _gather(dataset: Any, rows: np.ndarray, draws: np.ndarray) -> dict[str, Tensor]:
    """``inputs`` and ``labels`` of these rows; ``draws`` says which draw of each."""
    if getattr(dataset, "batched", False):
        return dataset.__getitems__(rows.tolist())
    if getattr(dataset, "repeats", False):
        rows = rows + draws * len(dataset)
    samples = [dataset[row] for row in rows.tolist()]
    return {key: torch.stack([sample[key] for sample in samples]) for key in samples[0]}


def _check_every_class(labels: np.ndarray, num_classes: int, classes: Sequence | None) -> None:
    empty = np.flatnonzero(np.bincount(labels, minlength=num_classes) == 0)
    if len(empty):
        names = [str(c) if classes is None else f"{c} ({classes[c]!r})" for c in empty[:5]]
        more = ", ..." if len(empty) > 5 else ""
        raise ValueError(
            f"subset: {len(empty)} of {num_classes} classes have no labelled sample: "
            f"{', '.join(names)}{more}"
        )


def _check_same_size(first: Any, second: Any) -> None:
    sizes = [tuple(dataset[0]["inputs"].shape) for dataset in (first, second)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"unlabelled: its images are {sizes[1]}, the labelled ones {sizes[0]} (ch, H, W); both "
            "must have one size"
        )
