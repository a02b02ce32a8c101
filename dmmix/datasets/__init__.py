"""Datasets, label subsets and transforms, registered under the scope ``dmmix``."""

from dmmix import registry  # noqa: F401 - first: mmpretrain may need what it prepares
from dmmix.datasets.digits import Digits
from dmmix.datasets.label_subset import stratified_subset
from dmmix.datasets.pack_labels import PackLabels

__all__ = ["Digits", "PackLabels", "stratified_subset"]
