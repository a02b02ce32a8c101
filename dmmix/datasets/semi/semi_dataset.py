"""A few labelled images beside many without labels."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dmmix.arguments import Checked
from dmmix.datasets.interface import LabelSource, makes_repeats, set_epoch
from dmmix.datasets.messages import empty_classes
from dmmix.datasets.semi.checks import (
    check_has_labels,
    check_num_labels,
    check_repeats,
    image_size,
    resolve_subset,
)
from dmmix.datasets.semi.stream_images import StreamImages
from dmmix.datasets.sources.unwrapped import unwrap
from dmmix.datasets.subsets.label_subset import LabelSubset, subset_indices
from dmmix.functional.ranges import Count
from dmmix.functional.tensors.draws import to_device
from dmmix.registry import DATASETS


@DATASETS.register_module()
class SemiDataset(Checked, Dataset):
    """A labelled and an unlabelled stream of images, in whole batches.

    A batch is::

        {"labelled": {"inputs": (B, ch, H, W) uint8, "labels": (B,)},
         "unlabelled": {"inputs": (mu B, ch, H, W) uint8, "index": (mu B,)}}

    ``index`` numbers the images of the unlabelled stream. Their labels are not in it.

    Labelled sample ``i`` has index ``i``, unlabelled sample ``j`` index ``num_labelled + j``; that
    plus ``k * len(self)`` is the ``k``-th draw of it, which matters where the wrapped dataset crops
    at random by index (image files): each draw has crops of its own.

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
        views: crops of each image, for image files: with 2, ``inputs`` is (N, 2, ch, H, W), and the
            views of a method take them in turn. With 1 they share the crop.
        hidden_labels: put the labels of the unlabelled images into the batch as
            ``hidden_labels``, to watch how good pseudo-labels are; no method learns from them.

    Raises:
        TypeError: a dataset whose samples are not one image with a label each.
        ValueError: a class without a labelled sample; more labels than there are, or
            ``num_labels`` that is no multiple of the classes; no unlabelled images, or of another
            size; hidden labels that are not there; an unknown option.
    """

    #: The dataset makes whole batches.
    batched = True

    def __init__(
        self,
        dataset: Mapping | Dataset,
        subset: Mapping | LabelSubset,
        unlabelled: Literal["all", "rest"] | Mapping | Dataset = "all",
        views: Count = 1,
        hidden_labels: bool = False,
    ) -> None:
        check_num_labels(subset)
        self.views = views
        self.hidden_labels = hidden_labels
        self._all = _built("dataset", dataset)
        self._datasets = [self._all]
        size = image_size("dataset", self._all)
        labels, classes = np.asarray(self._all.get_gt_labels()), self.CLASSES
        check_has_labels("dataset", labels)
        self.num_classes = len(classes) if classes is not None else int(labels.max()) + 1
        per_class = np.bincount(labels, minlength=self.num_classes)
        self.subset = resolve_subset(subset, per_class)
        rows = subset_indices(labels, self.subset, classes)
        self._labels = labels[rows]
        if empty := empty_classes(self._labels, self.num_classes, classes, "labelled sample", 5):
            raise ValueError(f"subset: {empty}")
        self._labelled = StreamImages(self._all, rows)
        self._unlabelled = self._unlabelled_stream(unlabelled, size)
        if views > 1:
            check_repeats("views", views, self._datasets)

    def _unlabelled_stream(self, unlabelled: str | Mapping | Dataset, size: tuple) -> StreamImages:
        if isinstance(unlabelled, str):
            dataset, rows = self._all, np.arange(len(self._all))
            if unlabelled == "rest":
                rows = np.setdiff1d(rows, self.labelled_rows)
                if not len(rows):
                    raise ValueError(
                        f"unlabelled='rest': no unlabelled images, all {len(self._all)} are "
                        "labelled; ask for fewer labels, or take unlabelled='all'"
                    )
            return StreamImages(dataset, rows)
        dataset = _built("unlabelled", unlabelled, ", or one of ('all', 'rest')")
        other = image_size("unlabelled", dataset)
        if other != size:
            raise ValueError(
                f"unlabelled: its images are {other}, the labelled ones {size} (ch, H, W); both "
                "must have one size"
            )
        if self.hidden_labels:
            check_has_labels("unlabelled, with hidden_labels=True,", dataset.get_gt_labels())
        self._datasets.append(dataset)
        return StreamImages(dataset, np.arange(len(dataset)))

    @property
    def labelled_rows(self) -> np.ndarray:
        """Which samples of ``dataset`` are labelled, (num_labelled,), sorted."""
        return self._labelled.rows.copy()

    @property
    def unlabelled_rows(self) -> np.ndarray:
        """Which samples of ``dataset``, or of ``unlabelled``, that stream has, sorted."""
        return self._unlabelled.rows.copy()

    @property
    def num_labelled(self) -> int:
        """How many images are labelled."""
        return len(self._labelled)

    @property
    def num_unlabelled(self) -> int:
        """How many images the unlabelled stream has."""
        return len(self._unlabelled)

    @property
    def stream_sizes(self) -> tuple[int, int]:
        """Sizes of the two streams."""
        return self.num_labelled, self.num_unlabelled

    @property
    def metainfo(self) -> dict:
        """A copy of the dataset's meta information, with ``classes``."""
        return copy.deepcopy(self._all.metainfo)

    @property
    def CLASSES(self) -> Sequence[str] | None:
        """Names of the classes."""
        return self._all.metainfo.get("classes")

    def get_gt_labels(self) -> np.ndarray:
        """Labels of the labelled images, (num_labelled,)."""
        return self._labels.copy()

    def __len__(self) -> int:
        return sum(self.stream_sizes)

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
            # Odd and even repeats, so that an image has other crops in the other stream.
            batch["labelled"] = self._take(self._labelled, places[known], 2 * draws[known])
        if not known.all():
            members = places[~known] - self.num_labelled
            found = self._take(self._unlabelled, members, 2 * draws[~known] + 1)
            (number,) = to_device([torch.from_numpy(members)], found["inputs"].device)
            batch["unlabelled"] = {"inputs": found["inputs"], "index": number}
            if self.hidden_labels:
                batch["unlabelled"]["hidden_labels"] = found["labels"]
        return batch

    def labelled_for_evaluation(self, members: Sequence[int]) -> dict[str, Tensor]:
        """Labelled images as a dataset for testing gives them: image files cropped in the middle.

        Args:
            members: numbers from 0 to ``num_labelled - 1``.

        Returns:
            ``inputs`` (B, ch, H, W), one crop each whatever ``views`` is, and ``labels`` (B,).
        """
        numbers = np.asarray(members, dtype=np.int64)
        return self._labelled.in_the_middle().take(numbers, np.zeros_like(numbers))

    def _take(self, stream: StreamImages, members: np.ndarray, draws: np.ndarray) -> dict:
        if self.views == 1:
            return stream.take(members, draws)
        repeats = draws[:, None] * self.views + np.arange(self.views)
        found = stream.take(members.repeat(self.views), repeats.flatten())
        inputs = found["inputs"].unflatten(0, (-1, self.views))
        return {"inputs": inputs, "labels": found["labels"][:: self.views]}

    def set_epoch(self, epoch: int) -> None:
        """Lets the datasets log which files were skipped; a runner calls it.

        What is drawn goes by the number of the draw. Only datasets that make no repeats are told
        the epoch.
        """
        for dataset in self._datasets:
            set_epoch(dataset, 0 if makes_repeats(dataset) else epoch)

    def __repr__(self) -> str:
        lines = [
            "Dataset SemiDataset",
            f"Labelled: \t{self.num_labelled} ({self.subset})",
            f"Unlabelled: \t{self.num_unlabelled}",
            f"Number of categories: \t{self.num_classes}",
            f"Made from: \t{type(self._all).__name__}",
        ]
        return "\n    ".join(lines)


def _built(name: str, dataset: Any, more: str = "") -> Any:
    if isinstance(dataset, Mapping):
        dataset = DATASETS.build({"_scope_": "dmmix", **dataset})
    dataset = unwrap(dataset)
    if not isinstance(dataset, LabelSource):
        raise TypeError(
            f"{name} must be an InMemory, DecodedImages or DecodedFolder{more}, got "
            f"{type(dataset).__name__}"
        )
    return dataset
