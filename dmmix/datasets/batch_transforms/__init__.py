"""Transforms of whole batches, registered. Importing this registers them."""

from dmmix.datasets.batch_transforms.base import BatchTransform, build_batch_transform
from dmmix.datasets.batch_transforms.color_jitter import BatchColorJitter
from dmmix.datasets.batch_transforms.erasing import BatchCutout, BatchRandomErasing
from dmmix.datasets.batch_transforms.rand_augment import BatchRandAugment
from dmmix.datasets.batch_transforms.random_crop import BatchRandomCrop
from dmmix.datasets.batch_transforms.random_flip import BatchRandomFlip
from dmmix.datasets.batch_transforms.random_resized_crop import BatchRandomResizedCrop

__all__ = [
    "BatchColorJitter",
    "BatchCutout",
    "BatchRandAugment",
    "BatchRandomCrop",
    "BatchRandomErasing",
    "BatchRandomFlip",
    "BatchRandomResizedCrop",
    "BatchTransform",
    "build_batch_transform",
]
