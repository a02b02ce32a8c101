"""Cutout, for whole batches."""

from __future__ import annotations

from torch import Generator, Tensor

from dmmix.datasets.batch_transforms.base import BatchTransform, PerChannel, as_tuple
from dmmix.functional.ranges import Probability, Size, as_pair
from dmmix.functional.tensors.draws import to_device
from dmmix.functional.transforms import draw_cutouts, draw_uniform, erase
from dmmix.registry import TRANSFORMS

__all__ = ["BatchCutout"]


@TRANSFORMS.register_module()
class BatchCutout(BatchTransform):
    """A box of fixed size of each image painted over; its centre may be anywhere in the image.

    What lies outside of the image is cut off, as in the paper. The arguments are those of
    mmpretrain's ``Cutout``, which moves boxes that begin above or left of the image into it.

    Args:
        shape: (height, width) of the box, or both as one integer.
        pad_val: what is painted: a number, or one for each channel, in the units of the images.
        prob: of painting, in [0, 1]; 1 in the paper.

    Source: Cutout (arXiv 1708.04552).
    """

    def __init__(
        self,
        shape: Size,
        pad_val: PerChannel = 128,
        prob: Probability = 0.5,
    ) -> None:
        self.shape = as_pair(shape)
        self.pad_val = as_tuple(pad_val)
        self.prob = prob

    def __call__(self, images: Tensor, generator: Generator) -> Tensor:
        n = len(images)
        chosen = draw_uniform(n, (0, 1), generator) < self.prob
        height, width = images.shape[-2:]
        boxes = draw_cutouts(n, (height, width), self.shape, generator)
        # A box without pixels leaves the image as it is.
        (boxes,) = to_device([boxes * chosen[:, None]], images.device)
        return erase(images, boxes, self.pad_val, check=False)
