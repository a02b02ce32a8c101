"""Datasets, label subsets and transforms, registered under the scope ``dmmix``."""

from dmmix import registry  # noqa: F401 - first: mmpretrain may need what it prepares
from dmmix.datasets import batch_transforms
from dmmix.datasets.batch_loader import BatchLoader
from dmmix.datasets.digits import Digits
from dmmix.datasets.image_folder import DecodedFolder
from dmmix.datasets.in_memory import InMemory
from dmmix.datasets.label_subset import stratified_subset
from dmmix.datasets.mapped_array import MappedArray
from dmmix.datasets.npz import NPZDataset
from dmmix.datasets.pack_labels import PackLabels
from dmmix.datasets.whole_batch import whole_batch

__all__ = [
    "BatchLoader",
    "DecodedFolder",
    "Digits",
    "InMemory",
    "MappedArray",
    "NPZDataset",
    "PackLabels",
    "batch_transforms",
    "stratified_subset",
    "whole_batch",
]
