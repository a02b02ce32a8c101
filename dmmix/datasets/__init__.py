"""Datasets, label subsets and transforms, registered under the scope ``dmmix``."""

from dmmix import registry  # noqa: F401 - first: mmpretrain may need what it prepares
from dmmix.compat import quiet  # noqa: F401 - then what would print while it is imported
from dmmix.datasets import batch_transforms
from dmmix.datasets.arrays.mapped_array import MappedArray
from dmmix.datasets.batches.batch_loader import BatchLoader, whole_batch
from dmmix.datasets.batches.class_weighted_sampler import ClassWeightedSampler
from dmmix.datasets.batches.pack_labels import PackLabels
from dmmix.datasets.batches.repeat_aug_sampler import RepeatAugSampler
from dmmix.datasets.images.middle_crop import MiddleCrop
from dmmix.datasets.interface import set_epoch
from dmmix.datasets.own.own_images import OwnImages
from dmmix.datasets.semi import MultiSourceBatchSampler, MultiSourceSampler, SemiDataset
from dmmix.datasets.sources.cifar import CIFAR10, CIFAR100
from dmmix.datasets.sources.decoded_images import DecodedImages
from dmmix.datasets.sources.digits import Digits
from dmmix.datasets.sources.image_folder import DecodedFolder
from dmmix.datasets.sources.in_memory import InMemory
from dmmix.datasets.sources.npz import NPZDataset
from dmmix.datasets.sources.tiny_imagenet import TinyImageNet
from dmmix.datasets.sources.unwrapped import Unwrapped, unwrap
from dmmix.datasets.subsets.label_subset import (
    LabelSubset,
    check_subset,
    stratified_subset,
    subset_indices,
)

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "BatchLoader",
    "ClassWeightedSampler",
    "DecodedFolder",
    "DecodedImages",
    "Digits",
    "InMemory",
    "LabelSubset",
    "MappedArray",
    "MiddleCrop",
    "MultiSourceBatchSampler",
    "MultiSourceSampler",
    "NPZDataset",
    "OwnImages",
    "PackLabels",
    "RepeatAugSampler",
    "SemiDataset",
    "TinyImageNet",
    "Unwrapped",
    "batch_transforms",
    "check_subset",
    "set_epoch",
    "stratified_subset",
    "subset_indices",
    "unwrap",
    "whole_batch",
]
