"""Images of one's own, as they lie in folders or stand in files of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from mmpretrain.datasets import BaseDataset

from dmmix.arguments import Checked
from dmmix.datasets.own.parts import find_part
from dmmix.registry import DATASETS


@DATASETS.register_module()
class OwnImages(Checked, BaseDataset):
    """One part of the images that ``dmmix train CONFIG --data`` finds, for a DecodedImages.

    Config::

        dataset = dict(
            type='DecodedImages', size=224, test_mode=False,
            dataset=dict(type='OwnImages', data=['photos', 'more/labels.csv'], split='train'))

    Args:
        data: folders and files of labels (CSV with a header, or lines of ``path label``); each part
            has the images of all of them, and classes of one name are one class.
        split: the part: the folder of that name, or the lines that say so. A folder of classes is
            all ``'train'``.
        multi_label: images may have several classes. ``False``: if some have.
        lazy_init: load the list later, when it is needed.

    Raises:
        FileNotFoundError: there is no such folder or file.
        ValueError: it has no such part, or is no data set; the message names it.
    """

    errors_name_files = True

    def __init__(
        self,
        data: str | Sequence[str],
        split: Literal["train", "val", "test", "unlabelled"] = "train",
        multi_label: bool = False,
        lazy_init: bool = False,
    ) -> None:
        self.data = data
        self.split = split
        self.multi_label = multi_label
        super().__init__(ann_file="", pipeline=(), lazy_init=lazy_init)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Path and class, or classes, of each image."""
        part = find_part(self.data, self.split)
        if self.multi_label:
            part = part.as_multi_label()
        if part.classes:
            self._metainfo["classes"] = part.classes
        labels = part.labels
        found = (
            [row.nonzero()[0].tolist() for row in labels] if part.multi_label else labels.tolist()
        )
        return [
            {"img_path": path, "gt_label": label}
            for path, label in zip(part.files, found, strict=True)
        ]
