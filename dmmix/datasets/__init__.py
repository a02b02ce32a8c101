"""Datasets, label subsets and transforms, registered under the scope ``dmmix``."""

from dmmix import registry  # noqa: F401 - first: mmpretrain may need what it prepares
from dmmix.datasets import batch_transforms
from dmmix.datasets.batch_loader import BatchLoader
from dmmix.datasets.cifar import CIFAR10, CIFAR100
from dmmix.datasets.class_weighted_sampler import ClassWeightedSampler
from dmmix.datasets.decoded_images import DecodedImages
from dmmix.datasets.digits import Digits
from dmmix.datasets.image_folder import DecodedFolder
from dmmix.datasets.in_memory import InMemory
from dmmix.datasets.interface import set_epoch
from dmmix.datasets.label_subset import (
    LabelSubset,
    check_subset,
    stratified_subset,
    subset_indices,
)
from dmmix.datasets.mapped_array import MappedArray
from dmmix.datasets.npz import NPZDataset
from dmmix.datasets.pack_labels import PackLabels
from dmmix.datasets.repeat_aug_sampler import RepeatAugSampler
from dmmix.datasets.semi import MultiSourceBatchSampler, MultiSourceSampler, SemiDataset
from dmmix.datasets.tiny_imagenet import TinyImageNet
from dmmix.datasets.unwrapped import Unwrapped, unwrap
from dmmix.datasets.whole_batch import whole_batch

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
    "MultiSourceBatchSampler",
    "MultiSourceSampler",
    "NPZDataset",
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
