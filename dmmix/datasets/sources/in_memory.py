"""A dataset as one tensor, and its batches as one gather."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from mmpretrain.datasets import BaseDataset
from torch import Tensor
from torch.utils.data import get_worker_info

from dmmix.datasets.arrays.mapped_array import MappedArray
from dmmix.datasets.arrays.rows import picked
from dmmix.datasets.sources.from_dataset import FromDataset
from dmmix.datasets.sources.loading import build_source, load_arrays
from dmmix.datasets.subsets.label_subset import LabelSubset, check_subset
from dmmix.functional.tensors.draws import to_device
from dmmix.registry import DATASETS

_PIECE = 64 << 20  # bytes


@DATASETS.register_module()
class InMemory(FromDataset):
    """Holds the images of a dataset as one uint8 tensor and gathers whole batches from it.

    For datasets whose samples have their image in memory: CIFAR10, CIFAR100, MNIST and
    FashionMNIST of mmpretrain, :class:`~dmmix.datasets.Digits`,
    :class:`~dmmix.datasets.NPZDataset`. Nothing is done per image; augmentation belongs to
    the batch (``data_preprocessor.batch_transforms``).

    A batch is ``inputs`` (B, ch, H, W) uint8, in the channels-last memory format, and ``labels``
    (B,) int64. Images that an ``NPZDataset`` maps stay in their file, and a batch reads its rows.

    Take ``num_workers=0``: to gather a batch is less work than to send it from one process to
    another. Workers, where there are any, share the tensor: forked ones its pages, spawned ones
    through shared memory, where torch moves it when they start. ``pin_memory`` must be off where
    the data is on a GPU.

    Config::

        train_dataloader = dict(
            dataset=dict(type='InMemory', dataset=dict(type='CIFAR10', data_root='data/cifar10')),
            collate_fn=dict(type='whole_batch'), ...)

    Args:
        dataset: a dataset without a pipeline, or its config.
        device: where the tensor is and the batches come from. ``'auto'`` is the current GPU if
            there is one and the data takes less than a quarter of its free memory, and the CPU
            otherwise and in worker processes. The data is moved by the first batch.
        lazy_init: load the data later, when it is needed.
        subset: which of the samples are used, such as ``dict(labels_per_class=4, seed=0)`` or
            ``dict(label_fraction=0.15, file='splits/15_percent.json')``: see
            :class:`~dmmix.datasets.LabelSubset`. Only their images are kept.

    Attributes:
        batched: ``True``: the dataset makes whole batches (``__getitems__``).

    Raises:
        TypeError: images that are not uint8 arrays; samples without ``img`` or ``gt_label``.
        ValueError: a pipeline, images of several sizes, no samples, an unknown device or one that
            is not there; a subset that the data does not have.
        RuntimeError: (when a batch is taken) data on a GPU in a worker process.
    """

    batched = True

    def __init__(
        self,
        dataset: Mapping | BaseDataset,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        lazy_init: bool = False,
        subset: Mapping | LabelSubset | None = None,
    ) -> None:
        chosen = None if subset is None else check_subset(subset)
        if device == "cuda" and not torch.cuda.is_available():
            raise ValueError("device='cuda', but there is no CUDA device; take 'auto' or 'cpu'")
        self.device = device
        self._images: Tensor | MappedArray
        self._labels: Tensor  # stays on the CPU, for whoever asks for single labels
        self._labels_there: Tensor  # beside the images
        self._rows: Tensor | None  # of the subset, in the whole
        self._placed = False
        source = build_source(dataset) if isinstance(dataset, Mapping) else dataset
        super().__init__(source, chosen, lazy_init)

    def _load(self, source: BaseDataset) -> None:
        self._images, self._labels, self._rows = load_arrays(source, self.subset)
        self._labels_there = self._labels
        self._keep_metainfo(source)

    def __len__(self) -> int:
        self.full_init()
        return self._labels.shape[0]

    def __getitem__(self, i: int) -> dict[str, Tensor]:
        """``inputs`` (ch, H, W) and ``labels`` () of one sample."""
        batch = self._gather(self._index([i]))
        return {key: value[0] for key, value in batch.items()}

    def __getitems__(self, indices: Sequence[int] | Tensor) -> dict[str, Tensor]:
        """A batch; a loader that has this method to call gives it all indices of a batch.

        Args:
            indices: (B,) integers, from ``-len(self)`` to ``len(self) - 1``.
        """
        index = self._index(indices)
        self._place()
        return self._gather(index)

    def _index(self, indices: Sequence[int] | Tensor) -> Tensor:
        n = len(self)
        index = torch.as_tensor(indices, device="cpu") if len(indices) else torch.zeros(0).long()
        if index.ndim != 1 or index.dtype.is_floating_point or index.dtype == torch.bool:
            raise TypeError(
                f"indices must be (B,) integers, got {tuple(index.shape)} {index.dtype}"
            )
        index = index.long()
        if index.shape[0]:
            # Of a few numbers in a list Python finds the ends sooner.
            ends = (min(indices), max(indices)) if type(indices) is list else index.aminmax()
            low, high = map(int, ends)
            if low < -n or high >= n:
                wrong = low if low < -n else high
                raise IndexError(f"index {wrong} is out of range for {n} samples")
            if low < 0:
                index = torch.where(index < 0, index + n, index)
        return index

    def _gather(self, index: Tensor) -> dict[str, Tensor]:
        if isinstance(self._images, MappedArray):
            images = torch.from_numpy(self._images.take(index.numpy()))
        else:
            self._refuse_gpu_in_worker(self._images.is_cuda)
            if index.device != self._images.device:
                (index,) = to_device([index], self._images.device)
            # As rows of bytes: a quarter faster than over four axes.
            images = self._images.flatten(1).index_select(0, index)
            images = images.view(-1, *self._images.shape[1:])
        labels = self._labels_there.index_select(0, index)
        return {"inputs": images.permute(0, 3, 1, 2), "labels": labels}

    def _place(self) -> None:
        """Moves the data to the GPU if that is where it belongs; once, in the main process."""
        if get_worker_info() is not None:
            self._refuse_gpu_in_worker(self.device == "cuda")
            return
        if self._placed:
            return
        if self.device == "cuda" or (self.device == "auto" and _fits_on_gpu(self._images.nbytes)):
            self._move(torch.device("cuda", torch.cuda.current_device()))
        self._placed = True

    def _move(self, device: torch.device) -> None:
        self._images = _moved(self._images, device)
        self._labels_there = self._labels.to(device)

    def _refuse_gpu_in_worker(self, on_gpu: bool) -> None:
        if on_gpu and get_worker_info() is not None:
            raise RuntimeError(
                f"InMemory(device={self.device!r}) has its data on the GPU, where worker "
                "processes cannot use it: take num_workers=0 (nothing is left for workers to do), "
                "or device='cpu'"
            )

    @property
    def rows(self) -> np.ndarray:
        """Which samples of the whole dataset are used, (N,), sorted."""
        self.full_init()
        return np.arange(len(self)) if self._rows is None else self._rows.numpy().copy()

    def get_subset(self, indices: Sequence[int] | int) -> InMemory:
        """A dataset of some of the samples, as in mmengine; only their images are kept."""
        self.full_init()
        at = torch.from_numpy(picked(np.arange(len(self)), indices))
        other = copy.copy(self)
        other._labels = other._labels_there = self._labels[at]
        if isinstance(self._images, MappedArray):
            other._images = self._images.subset(at.numpy())
        else:
            other._images = self._images.cpu().index_select(0, at)
        other._rows = at if self._rows is None else self._rows[at]
        other._placed = False
        return other

    def _all_labels(self) -> np.ndarray:
        return self._labels.numpy()

    def _set_labels(self, labels: np.ndarray, num_classes: int) -> None:
        self._labels = torch.from_numpy(labels)
        self._labels_there = self._labels.to(self._labels_there.device)

    def get_gt_labels(self) -> np.ndarray:
        """Labels of all samples, (N,)."""
        self.full_init()
        return self._labels.numpy().copy()

    def get_cat_ids(self, idx: int) -> list[int]:
        """The class of a sample, in a list, as mmengine's samplers ask for it."""
        self.full_init()
        return [int(self._labels[idx])]

    def _describe(self) -> list[str]:
        lines = [f"Device: \t{self.device}"]
        if self._fully_initialized:
            _, height, width, channels = self._images.shape
            lines.insert(0, f"Images: \t{channels} x {height} x {width} uint8, {self._where()}")
        return lines

    def _where(self) -> str:
        if isinstance(self._images, MappedArray):
            return f"mapped from {self._images.path}"
        size = self._images.nbytes
        return f"{size / 2**20:.1f} MiB on {self._images.device}"


def _moved(images: Tensor | MappedArray, device: torch.device) -> Tensor:
    if isinstance(images, Tensor):
        return images.to(device)
    # Piece by piece: the file may be larger than the memory.
    moved = torch.empty(images.shape, dtype=torch.uint8, device=device)
    step = max(1, _PIECE * len(images) // images.nbytes)
    for at in range(0, len(images), step):
        moved[at : at + step] = torch.from_numpy(images.take(slice(at, at + step)))
    return moved


def _fits_on_gpu(size: int) -> bool:
    if not torch.cuda.is_available():
        return False
    free, _ = torch.cuda.mem_get_info()
    return size < free / 4
