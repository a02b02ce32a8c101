"""Folders of images that are decoded and cropped to one size, and no more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mmengine.logging import MMLogger
from mmpretrain.datasets import CustomDataset

from dmmix.datasets.images.folder_listing import FolderListing, class_folders
from dmmix.datasets.images.formats import image_endings
from dmmix.datasets.images.middle_crop import is_inferencer_pipeline
from dmmix.datasets.messages import check_folder, listed
from dmmix.datasets.sources.decoded_images import DecodedImages
from dmmix.functional.ranges import Size
from dmmix.registry import DATASETS
from dmmix.signatures import keywords_of


@DATASETS.register_module()
class DecodedFolder(DecodedImages):
    """Image files in a folder for each class, as crops of one size.

    :class:`DecodedImages` of such a folder; the samples, and all arguments that are not told here,
    are as there, and are given by keyword.

    Args:
        data_root: the folder with the folders ``class/image.jpg``. The classes are numbered in
            the order of their names; with ``classes``, if the folders have those names, as there.
            Hidden files and folders are passed over; other files and broken links too, and told.
        test_mode: crops the middle instead of a random box.
        allow_empty: folders without images are classes that have none, and no error.
        others: of :class:`DecodedImages`, and of :class:`mmpretrain.datasets.CustomDataset` but
            ``pipeline``: ``data_prefix``, ``ann_file``, ``classes``, ... ``extensions`` are by
            default the endings of all images that can be read here.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: as for :class:`DecodedImages`; a folder without class folders, or a class
            folder without images.
    """

    def __init__(
        self,
        data_root: str = "",
        size: Size = 224,
        test_mode: bool = False,
        *,
        pipeline: Sequence = (),
        allow_empty: bool = False,
        **others: Any,
    ) -> None:
        ours = {name: others.pop(name) for name in keywords_of(DecodedImages) & others.keys()}
        folder = _Folder(
            data_root=data_root, pipeline=() if is_inferencer_pipeline(pipeline) else pipeline,
            lazy_init=True, allow_empty=allow_empty, **others,
        )  # fmt: skip
        super().__init__(folder, size, test_mode, **ours)
        self._text = f"the folder {folder.img_prefix}"


class _Folder(CustomDataset):
    """Says what is wrong with a folder."""

    errors_name_files = True

    def __init__(self, allow_empty: bool, **kwargs: Any) -> None:
        self.allow_empty = allow_empty
        kwargs.setdefault("extensions", image_endings())
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        """Of all images, ``img_path`` and, with labels, ``gt_label``."""
        if self.ann_file:
            return super().load_data_list()
        start, samples = os.path.join(self.img_prefix, ""), self._find_samples()
        if not self.with_label:
            return [{"img_path": start + path} for path in samples]
        return [{"img_path": start + path, "gt_label": label} for path, label in samples]

    def _find_samples(self) -> list[Any]:
        """(path, class) of all images, or paths alone without labels."""
        folder = self.img_prefix
        check_folder(folder)
        listing = FolderListing(self.extensions)
        samples: list[Any] = self._labelled(listing) if self.with_label else listing.images(folder)
        if passed_over := listing.passed_over():
            MMLogger.get_current_instance().warning(
                "%s: passed over %s", os.path.normpath(folder), passed_over
            )
        if not samples:
            where = f"the folders in {folder} have" if self.with_label else f"{folder} has"
            raise ValueError(f"{where} no images (names that end in {self._endings})")
        if self.with_label:
            self._check_empty({label for _, label in samples})
        return samples

    def _labelled(self, listing: FolderListing) -> list[tuple[str, int]]:
        folder = self.img_prefix
        folders = class_folders(folder)
        if not folders:
            raise ValueError(
                f"{folder} has no folders, but there must be one for each class: "
                f"{os.path.join(folder, 'class_name', 'image.jpg')}"
            )
        self.folder_to_idx = self._numbers(folders)
        listing.outside(folder)
        return [
            (name + os.sep + path, self.folder_to_idx[name])
            for name in folders
            for path in listing.images(os.path.join(folder, name))
        ]

    def _numbers(self, folders: list[str]) -> dict[str, int]:
        """The class of each folder: by its name where ``classes`` has it, otherwise in order."""
        classes = self.CLASSES
        if classes is None:
            self._metainfo["classes"] = tuple(folders)
        elif set(folders) <= set(classes):
            return {name: list(classes).index(name) for name in folders}
        elif set(folders) & set(classes):
            unknown = [name for name in folders if name not in set(classes)]
            raise ValueError(
                f"{self.img_prefix} has folders that are not among the classes: "
                f"{listed(unknown, 5)}"
            )
        elif len(classes) != len(folders):
            raise ValueError(
                f"{self.img_prefix} has {len(folders)} folders for {len(classes)} classes, which "
                "are called otherwise"
            )
        return {name: number for number, name in enumerate(folders)}

    def _check_empty(self, labels: set[int]) -> None:
        names = [name for name, label in self.folder_to_idx.items() if label not in labels]
        if names and not self.allow_empty:
            first = os.path.join(self.img_prefix, names[0])
            more = f", nor have {len(names) - 1} others" if len(names) > 1 else ""
            raise ValueError(
                f"{first} has no images (names that end in {self._endings}){more}: a class without "
                "any: put its images there, or say allow_empty=True, which lets it keep its number"
            )

    @property
    def _endings(self) -> str:
        return ", ".join(sorted(self.extensions))
