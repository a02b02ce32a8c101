"""The crop of test images as a transform, for pipelines of mmpretrain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from mmcv.transforms import BaseTransform

from dmmix.arguments import Checked
from dmmix.datasets.images.crop_options import CropOptions
from dmmix.datasets.images.crops import crop_for_test
from dmmix.functional.ranges import Count, Size, as_pair
from dmmix.registry import TRANSFORMS


@TRANSFORMS.register_module()
class MiddleCrop(Checked, BaseTransform):
    """Makes of a loaded image what :class:`DecodedImages` makes of its file for testing.

    ``img`` (H, W, 3) uint8 BGR, as mmpretrain loads files, becomes the middle of the image after
    its short edge was resized, RGB. The configs that runs write have it in the pipeline of their
    test data, where mmpretrain's ``ImageClassificationInferencer`` reads it.

    Pixels are those of ``DecodedImages(reduced=False)``. With ``reduced=True``, the default there,
    a JPEG is decoded smaller where it is at least twice as large as is needed: by then it is too
    late for that here.

    Args:
        size: of the crop: one number, or (height, width).
        resize_edge, square, interpolation, antialias: as for :class:`DecodedImages`.

    Raises:
        ValueError: ``resize_edge`` is smaller than ``size``.
    """

    def __init__(
        self,
        size: Size = 224,
        resize_edge: Count | None = None,
        square: bool = False,
        interpolation: Literal["bilinear", "bicubic"] = "bilinear",
        antialias: bool = True,
    ) -> None:
        self.options = CropOptions(
            as_pair(size), True, resize_edge, square=square, interpolation=interpolation,
            antialias=antialias,
        )  # fmt: skip

    def transform(self, results: dict) -> dict:
        """The sample with its crop as ``img``."""
        image = results["img"][..., ::-1]
        crop = crop_for_test(image, self.options, self.options.resized(image.shape[:2]))
        return {**results, "img": crop, "img_shape": crop.shape[:2]}


def inferencer_pipeline(dataset: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of the config of a data set of files: what loads an image, crops it as there, packs it."""
    options = CropOptions.for_testing(dataset)
    crop = dict(
        type="MiddleCrop", size=options.size, resize_edge=options.edge,
        square=options.square, interpolation=options.interpolation, antialias=options.antialias,
    )  # fmt: skip
    return [dict(type="LoadImageFromFile"), crop, dict(type="PackInputs")]


def is_inferencer_pipeline(pipeline: Sequence) -> bool:
    """Whether it is one of :func:`inferencer_pipeline`: what data sets of files do anyway."""
    types = [each.get("type") for each in pipeline if isinstance(each, Mapping)]
    return types == ["LoadImageFromFile", "MiddleCrop", "PackInputs"]
