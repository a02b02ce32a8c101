"""Image files of any dataset, decoded and cropped to one size, and no more."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from mmengine.logging import MMLogger
from mmpretrain.datasets import BaseDataset
from torch import Tensor

from dmmix.datasets.arrays.rows import out_of_range, picked, place
from dmmix.datasets.images.corrupt_files import CorruptFiles
from dmmix.datasets.images.crop_options import CropOptions
from dmmix.datasets.images.crops import DAMAGE, channels_first
from dmmix.datasets.images.image_cache import check_cache, kept_crop, kept_images
from dmmix.datasets.images.middle_crop import is_inferencer_pipeline
from dmmix.datasets.messages import empty_classes
from dmmix.datasets.sources.from_dataset import FromDataset
from dmmix.datasets.sources.sample_list import UNLABELLED, build_source, read_samples
from dmmix.datasets.subsets.label_subset import LabelSubset, check_subset, subset_indices
from dmmix.datasets.subsets.strata import strata
from dmmix.functional.ranges import (
    Count,
    Positive,
    PositiveBounds,
    PositiveShare,
    Range,
    ShareBounds,
    Size,
    as_pair,
)
from dmmix.registry import DATASETS

_TRAINING = (None, "", "train", "trainval")


@DATASETS.register_module()
class DecodedImages(FromDataset):
    """The images of a dataset as crops of one size, for datasets whose samples are files.

    ImageNet, CUB, FGVCAircraft, StanfordCars and CustomDataset of mmpretrain: every dataset whose
    samples have ``img_path`` and ``gt_label`` (-1 where no sample has one; a list where samples may
    have several classes: ``labels`` is then (C,) floats, 1 for each of them). For training a sample
    is a random resized crop, for testing the middle of the image after its short edge was resized.
    It is ``inputs`` (3, H, W) uint8 RGB, with ``ten_crop`` (10, 3, H, W), and ``labels`` () int64,
    for ``default_collate``; all other augmentation is done on the batch
    (``data_preprocessor.batch_transforms``). Images are turned upright as their EXIF says.

    The box of an image is drawn from (``seed``, epoch, its number in the whole dataset) and nothing
    else: it is the same with any number of workers, after a resume, and in a subset.
    :meth:`set_epoch` says which epoch it is. For repeated augmentation an index may be
    ``i + k * len(dataset)``: sample ``i`` with the ``k``-th box of its own (see
    :class:`~dmmix.datasets.RepeatAugSampler`).

    Recipes that resize the short edge before a random resized crop need no option: the boxes have
    the same distribution on the whole image, which is cropped and resized in one go, and sharper.

    Config::

        dataset = dict(
            type='DecodedImages', size=224,
            dataset=dict(type='CUB', data_root='data/CUB_200_2011', split='train'))

    Args:
        dataset: a dataset without a pipeline, or its config.
        size: of the crops: one number, or (height, width).
        test_mode: crops the middle instead of a random box. ``None``: if the dataset's ``split``
            is not ``'train'`` or ``'trainval'``, or its own ``test_mode`` is set.
        resize_edge: (testing) length of the short edge before the crop; 8/7 of the larger side of
            ``size`` by default, 256 for 224.
        crop_ratio: instead: larger side of ``size`` over that length, as ``0.95``; the length is
            rounded.
        scale: (training) bounds of the box's share of the image's area.
        ratio: (training) bounds of its width over its height.
        square: resize to a square of side ``resize_edge``, whatever the image's shape, instead of
            by the short edge; for training, draw the box as if that had been done.
        interpolation: ``'bilinear'`` or ``'bicubic'``.
        antialias: where it shrinks, the filter is as much wider, so that all pixels count: these
            are the pixels of Pillow (and so of torchvision and timm), but for a level. ``False``
            samples from the nearest 2 x 2 (bicubic: 4 x 4) pixels, as mmpretrain's transforms do:
            faster, and noisier where much is shrunk. With ``reduced``, what the decoder makes
            smaller is averaged all the same.
        ten_crop: (testing) ten crops of each image: the four corners and the middle, and the same
            of its mirror image, in the order of torchvision's ``TenCrop``.
            :class:`~dmmix.models.MixupClassifier` averages what it predicts for them.
        reduced: decode a JPEG at 1/2, 1/4 or 1/8 of its size where that is still larger than the
            crop. Much faster for large photos; pixels differ a little.
        backend: what decodes: ``'cv2'`` or ``'pillow'``.
        seed: of the boxes; by default what torch is seeded with when the dataset is made, which a
            runner does with the seed of the run.
        corrupt: of a file that cannot be decoded: ``'raise'`` an error that names it, or
            ``'skip'`` it: the next sample of the dataset that can be decoded takes its place.
        subset: which of the samples are used, such as ``dict(labels_per_class=4, seed=0)``: see
            :class:`~dmmix.datasets.LabelSubset`.
        cache: decode all images once, when the dataset is loaded: ``'memory'`` keeps them in the
            memory of this process, which its workers share; a folder in a file there, which is
            mapped, shared by all processes and found again by later runs. The crops are the same,
            bit for bit; an image takes 3 bytes a pixel, a JPEG of which ``reduced`` uses smaller
            ones alone those of the smaller ones. Where an image, the decoder or what decides
            about the reductions changes, the file is made anew.
        cache_limit: GiB that the cache may take; by default half of the available memory, or 90 %
            of what is free on the disk. Images that do not fit are decoded each time.
        num_classes: labels must be below it; by default the number of the dataset's classes.
        lazy_init: load the lists later, when they are needed.
        pipeline: not used: what the config of a run tells mmpretrain's inferencer
            (:class:`MiddleCrop`).

    Raises:
        TypeError: samples without ``img_path``.
        ValueError: an argument out of range, ten crops for training, another pipeline, no samples,
            annotations that cannot be read, a label out of range; (when a sample is read) a file
            that cannot be decoded, which is named, or with ``corrupt='skip'`` no file that can.
    """

    #: Whether indices beyond the length stand for more boxes of the same samples.
    repeats = True

    def __init__(
        self,
        dataset: Mapping | BaseDataset,
        size: Size = 224,
        test_mode: bool | None = None,
        resize_edge: Count | None = None,
        crop_ratio: PositiveShare | None = None,
        scale: ShareBounds = (0.08, 1.0),
        ratio: PositiveBounds = (3 / 4, 4 / 3),
        square: bool = False,
        interpolation: Literal["bilinear", "bicubic"] = "bilinear",
        reduced: bool = True,
        backend: Literal["cv2", "pillow"] = "cv2",
        seed: Annotated[int, Range(0)] | None = None,
        corrupt: Literal["raise", "skip"] = "raise",
        subset: Mapping | LabelSubset | None = None,
        num_classes: Count | None = None,
        lazy_init: bool = False,
        antialias: bool = True,
        ten_crop: bool = False,
        cache: str | None = None,
        cache_limit: Positive | None = None,
        pipeline: Sequence = (),
    ) -> None:
        self.cache = check_cache(cache, cache_limit)
        self.cache_limit = cache_limit
        if pipeline and not is_inferencer_pipeline(pipeline):
            raise ValueError(
                "DecodedImages takes no pipeline, it crops as its own arguments say: augment in "
                "data_preprocessor.batch_transforms"
            )
        self.seed = torch.initial_seed() if seed is None else seed
        self.corrupt = corrupt
        self.num_classes = num_classes
        self.crops = CropOptions(
            as_pair(size), test_mode, resize_edge, crop_ratio, (scale[0], scale[1]),
            (ratio[0], ratio[1]), square, interpolation, reduced, backend, antialias, ten_crop,
        )  # fmt: skip
        chosen = None if subset is None else check_subset(subset)
        source = build_source(dataset)
        if test_mode is None:
            split = dataset.get("split") if isinstance(dataset, Mapping) else None
            split = split or getattr(source, "split", None)
            testing = split not in _TRAINING or getattr(source, "test_mode", False)
            self.crops = replace(self.crops, test_mode=testing)
        # Shared, so that workers that live on from epoch to epoch see it too.
        self._epoch = torch.tensor(0).share_memory_()
        super().__init__(source, chosen, lazy_init)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # mmengine copies a dataset that it is given, and a copy of shared memory is not shared.
        self.__dict__.update(state)
        self._epoch.share_memory_()

    def _load(self, source: BaseDataset) -> None:
        self._samples = read_samples(source)
        self._keep_metainfo(source)
        self._check_labels()
        self.rows = np.arange(len(self._samples))
        if self.subset is not None:
            labels = self._samples.labels
            self.rows = subset_indices(strata(labels), self.subset, self._stratified_by)
        self._corrupt = CorruptFiles(len(self._samples))
        self._keep()

    def _keep(self) -> None:
        self._kept, self._places = None, np.empty(0, np.int64)
        if self.cache is not None:
            paths = [self._samples.path(int(row)) for row in self.rows]
            self._kept = kept_images(self.cache, self.cache_limit, paths, self.crops)
            self._places = np.full(len(self._samples), -1)
            self._places[self.rows] = np.arange(len(self.rows))

    def _check_labels(self) -> None:
        labels, classes = self._samples.labels, self.CLASSES
        if (labels == UNLABELLED).all() or labels.ndim == 2:
            return
        limit = self.num_classes or (None if classes is None else len(classes))
        wrong = out_of_range(labels, limit)
        if len(wrong):
            most = "" if limit is None else f" and below {limit}"
            raise ValueError(
                f"{self._samples.path(wrong[0])} has the label {labels[wrong[0]]}, labels must be "
                f"at least 0{most}; {len(wrong)} of {len(labels)} are not"
            )
        empty = None if limit is None else empty_classes(labels, limit, classes, "image")
        if empty and not self.test_mode:
            MMLogger.get_current_instance().warning("%s: %s", self._text, empty)

    @property
    def test_mode(self) -> bool:
        """Whether the middle is cropped instead of a random box."""
        return bool(self.crops.test_mode)

    @property
    def corrupt_count(self) -> int:
        """How many files could not be decoded so far, in all workers of this process."""
        self.full_init()
        return len(self._corrupt)

    @property
    def corrupt_files(self) -> list[str]:
        """Which ones."""
        self.full_init()
        return [self._samples.path(row) for row in self._corrupt.rows]

    def set_epoch(self, epoch: int) -> None:
        """Makes the boxes those of another epoch; to be called before the loader is iterated.

        :class:`~dmmix.engine.DatasetEpochHook` does it in a runner. Files that were skipped in the
        epoch before are logged.
        """
        if epoch < 0:
            raise ValueError(f"epoch must be at least 0, got {epoch}")
        self._epoch.fill_(epoch)
        if self._fully_initialized:
            self._corrupt.tell(self._samples.path)

    def __len__(self) -> int:
        self.full_init()
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """``inputs`` (3, H, W) or (10, 3, H, W), and ``labels`` (), of one sample."""
        n = len(self)
        repeat, position = place(index, n, repeats=True)
        if self.corrupt == "raise":
            return self._sample(int(self.rows[position]), repeat)
        for step in range(n):
            row = int(self.rows[(position + step) % n])
            try:
                return self._sample(row, repeat)
            except ValueError as error:
                self._corrupt.add(row, str(error))
        raise ValueError(f"none of the {n} images of {self._text} can be decoded")

    def _sample(self, row: int, repeat: int) -> dict[str, Tensor]:
        path = self._samples.path(row)
        seeds = (self.seed, self._epoch.item(), row, *([repeat] if repeat else []))
        position = self._places[row] if self._kept is not None else -1
        try:
            image = kept_crop(self._kept, position, path, self.crops, seeds)
        except DAMAGE as error:
            hint = "" if self.corrupt == "skip" else "; corrupt='skip' passes such files over"
            raise ValueError(f"{path} is no image or damaged: {error}{hint}") from error
        return {
            "inputs": torch.from_numpy(channels_first(image)),
            "labels": self._label(row),
        }

    def _label(self, row: int) -> Tensor:
        label = torch.from_numpy(np.asarray(self._samples.labels[row]))
        return label.float() if label.ndim else label

    @property
    def _stratified_by(self) -> Sequence[str] | None:
        return self.CLASSES if self._samples.labels.ndim == 1 else None

    def get_subset(self, indices: Sequence[int] | int) -> DecodedImages:
        """Some of the samples, as in mmengine; crops and epoch are those of this dataset."""
        self.full_init()
        other = copy.copy(self)
        other.rows = picked(self.rows, indices)
        return other

    def in_the_middle(self) -> DecodedImages:
        """The same samples as for evaluation: cropped in the middle."""
        other = copy.copy(self)
        other.crops = replace(self.crops, test_mode=True)
        return other

    def _all_labels(self) -> np.ndarray:
        return self._samples.labels

    def _set_labels(self, labels: np.ndarray, num_classes: int) -> None:
        self._samples.labels = labels
        self.num_classes = None if self.num_classes is None else num_classes

    def get_gt_labels(self) -> np.ndarray:
        """Labels of all samples, (N,), or (N, C) with a 1 for each class of a sample."""
        self.full_init()
        return self._samples.labels[self.rows]

    def get_cat_ids(self, idx: int) -> list[int]:
        """The classes of a sample, as mmengine's samplers ask for them."""
        self.full_init()
        label = self._samples.labels[self.rows[idx]]
        return label.nonzero()[0].tolist() if label.ndim else [int(label)]

    def get_data_info(self, idx: int) -> dict[str, Any]:
        """``img_path``, ``gt_label`` and ``sample_idx`` (in the whole dataset) of a sample."""
        self.full_init()
        row = int(self.rows[idx])
        found = self._samples.labels[row]
        label = found.nonzero()[0].tolist() if found.ndim else int(found)
        return {"img_path": self._samples.path(row), "gt_label": label, "sample_idx": row}

    def _describe(self) -> list[str]:
        lines = [*self.crops.describe(), f"Seed: \t{self.seed}"]
        lines += [] if self.cache is None else [f"Cache: \t{self.cache}"]
        return [*lines, f"Corrupt files: \t{self.corrupt}"]
