"""Folders of images that are decoded and cropped to one size, and no more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal

from mmpretrain.datasets import CustomDataset

from dmmix.datasets.decoded_images import DecodedImages
from dmmix.datasets.paths import near_names
from dmmix.registry import DATASETS

__all__ = ["DecodedFolder"]


@DATASETS.register_module()
class DecodedFolder(DecodedImages):
    """Image files in a folder for each class, as crops of one size.

    :class:`DecodedImages` of such a folder; the samples, and all arguments that are not told here,
    are as there.

    Args:
        data_root: the folder with the folders ``class/image.jpg``. The classes are numbered in
            the order of their names.
        test_mode: crops the middle instead of a random box.
        allow_empty: folders without images are classes that have none, and no error.
        others: of :class:`mmpretrain.datasets.CustomDataset` but ``pipeline``: ``data_prefix``,
            ``ann_file``, ``extensions``, ``classes``, ...

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: as for :class:`DecodedImages`; a folder without class folders, or a class
            folder without images.
    """

    def __init__(
        self,
        data_root: str = "",
        size: int | tuple[int, int] = 224,
        test_mode: bool = False,
        resize_edge: int | None = None,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        reduced: bool = True,
        backend: Literal["cv2", "pillow"] = "cv2",
        seed: int | None = None,
        pipeline: Sequence = (),
        allow_empty: bool = False,
        crop_ratio: float | None = None,
        square: bool = False,
        interpolation: Literal["bilinear", "bicubic"] = "bilinear",
        corrupt: Literal["raise", "skip"] = "raise",
        subset: Any = None,
        num_classes: int | None = None,
        lazy_init: bool = False,
        antialias: bool = True,
        ten_crop: bool = False,
        **kwargs: Any,
    ) -> None:
        folder = _Folder(
            data_root=data_root, pipeline=pipeline, lazy_init=True, allow_empty=allow_empty,
            **kwargs,
        )  # fmt: skip
        super().__init__(
            folder, size, test_mode, resize_edge, crop_ratio, scale, ratio, square, interpolation,
            reduced, backend, seed, corrupt, subset, num_classes, lazy_init, antialias, ten_crop,
        )  # fmt: skip
        self._text = f"the folder {folder.img_prefix}"


class _Folder(CustomDataset):
    """Says what is wrong with a folder."""

    errors_name_files = True

    def __init__(self, allow_empty: bool, **kwargs: Any) -> None:
        self.allow_empty = allow_empty
        super().__init__(**kwargs)

    def _find_samples(self) -> list[tuple[str, int]]:
        """(path, class) of all images, as mmpretrain finds them."""
        folder = self.img_prefix
        if not os.path.isdir(folder):
            raise FileNotFoundError(f"there is no folder {folder}{near_names(folder)}")
        if not any(entry.is_dir() for entry in os.scandir(folder)):
            raise ValueError(
                f"{folder} has no folders, but there must be one for each class: "
                f"{os.path.join(folder, 'class_name', 'image.jpg')}"
            )
        endings = ", ".join(sorted(self.extensions))
        try:
            samples = super()._find_samples()
        except RuntimeError as error:
            raise ValueError(
                f"the folders in {folder} have no images (names that end in {endings})"
            ) from error
        if not self.with_label:
            return samples
        empty = sorted(set(self.folder_to_idx.values()) - {label for _, label in samples})
        if empty and not self.allow_empty:
            names = sorted(self.folder_to_idx)
            first = os.path.join(folder, names[empty[0]])
            more = f", nor have {len(empty) - 1} others" if len(empty) > 1 else ""
            raise ValueError(
                f"{first} has no images (names that end in {endings}){more}: a class without any: "
                "put its images there, or say allow_empty=True, which lets it keep its number"
            )
        return samples
