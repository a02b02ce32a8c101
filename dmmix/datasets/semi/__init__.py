"""A labelled and an unlabelled stream in one loader."""

from dmmix.datasets.semi.multi_source_sampler import MultiSourceBatchSampler, MultiSourceSampler
from dmmix.datasets.semi.semi_dataset import SemiDataset

__all__ = ["MultiSourceBatchSampler", "MultiSourceSampler", "SemiDataset"]
