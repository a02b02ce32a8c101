"""CIFAR-10 and CIFAR-100: mmpretrain's, with files that are checked and read with care."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import mmengine.dist as dist
import mmpretrain.datasets
import numpy as np
from mmengine.fileio import exists, get, join_path

from dmmix.compat.constructors import ArrayNames
from dmmix.compat.unpickling import PlainUnpickler
from dmmix.datasets.arrays.rows import out_of_range
from dmmix.datasets.preparation import DATA_SETS, Archive, PreparationError, fetch
from dmmix.datasets.preparation.verify import md5
from dmmix.registry import DATASETS

if TYPE_CHECKING:
    from mmpretrain.datasets import CIFAR10 as _Base
else:
    _Base = object


class _Files(_Base):
    """What both have in common, put before mmpretrain's class."""

    _archive: Archive

    def __init__(self, data_root: str = "", checksums: bool = True, **kwargs: Any) -> None:
        self.checksums = checksums
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict]:
        """All samples of the split, in the order of the files."""
        folder = join_path(self.data_prefix["root"], self.base_folder)
        self._provide(folder)
        images, labels = [], []
        for name, _ in self.train_list if self.split == "train" else self.test_list:
            rows, classes = self._read(join_path(folder, name))
            # A row is 1024 red values, then green, then blue.
            images.append(np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)))
            labels += classes
        pixels = np.concatenate(images)
        return [{"img": i, "gt_label": c} for i, c in zip(pixels, labels, strict=True)]

    def _check_integrity(self) -> bool:
        """Whether all files are there; ValueError where one has a checksum that is not stated."""
        folder = join_path(self.data_prefix["root"], self.base_folder)
        files = [(join_path(folder, name), sum_) for name, sum_ in self.train_list + self.test_list]
        if not all(exists(path) for path, _ in files):
            return False
        for path, stated in files:
            found = md5(path) if self.checksums and stated else stated
            if found != stated:
                raise ValueError(
                    f"{path} has the MD5 checksum {found} instead of {stated}: it is damaged or "
                    f"not {type(self).__name__}'s. Remove it to have it downloaded again; "
                    "checksums=False takes it as it is"
                )
        return True

    def _provide(self, folder: str) -> None:
        """Downloads the files where they are missing; in one process, while the others wait."""
        problem, whole = None, False
        if dist.is_main_process():
            try:
                whole = self._check_integrity()
                if not whole:
                    self._fetch(folder)
            except Exception as error:  # told after the others are let go
                problem = error
        dist.barrier()
        if problem is not None:
            raise problem
        # Once a process: checksums take a second.
        if not whole and not self._check_integrity():
            raise FileNotFoundError(f"{type(self).__name__} has files missing in {folder}")

    def _fetch(self, folder: str) -> None:
        root, name = self.data_prefix["root"], type(self).__name__
        if not self.download:
            raise FileNotFoundError(
                f"{name} has files missing in {folder}: unpack {self.filename} ({self.url}) in "
                f"{root}, as dmmix data prepare does, or say download=True"
            )
        try:
            fetch(self._archive, root)
        except (OSError, PreparationError) as error:
            raise FileNotFoundError(
                f"{name} has files missing in {folder} and cannot be downloaded ({error}): get "
                f"{self.url} elsewhere and unpack it in {root}, as dmmix data prepare does"
            ) from error

    def _read(self, path: str) -> tuple[np.ndarray, list[int]]:
        try:
            names = ArrayNames()
            file = io.BytesIO(get(path))
            entry = PlainUnpickler(file, names.find, names.call, encoding="latin1").load()
            rows = np.asarray(entry["data"], dtype=np.uint8).reshape(-1, 3072)
            labels = [int(label) for label in entry.get("labels", entry.get("fine_labels"))]
        except Exception as error:  # a damaged pickle raises whatever it runs into
            raise ValueError(f"{path} cannot be read as a batch of CIFAR: {error}") from error
        if len(rows) != len(labels):
            raise ValueError(f"{path} has {len(labels)} labels for {len(rows)} images")
        wrong = out_of_range(np.array(labels), len(self.CLASSES))
        if len(wrong):
            raise ValueError(
                f"{path}: image {wrong[0]} has the label {labels[wrong[0]]}, labels must be at "
                f"least 0 and below {len(self.CLASSES)}"
            )
        return rows, labels


@DATASETS.register_module()
class CIFAR10(_Files, mmpretrain.datasets.CIFAR10):
    """CIFAR-10, 32 x 32 pixels, 10 classes, 50,000 training and 10,000 test images.

    As mmpretrain's class, but a file whose checksum is wrong is named instead of overwritten by a
    download, and pickles can build arrays only.

    Args:
        data_root: the folder with ``cifar-10-batches-py``; downloaded there if it is absent.
        checksums: compare the files with the published MD5 checksums. ``False`` reads other data
            of the same layout.
        others: of :class:`mmpretrain.datasets.CIFAR10`: ``split``, ``download``, ...

    Raises:
        FileNotFoundError: files are missing and cannot be downloaded.
        ValueError: a file with a wrong checksum, one that cannot be read, or a label out of range.

    Source: Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009.
    """

    _archive = DATA_SETS["cifar10"].archives[0]


@DATASETS.register_module()
class CIFAR100(_Files, mmpretrain.datasets.CIFAR100):
    """CIFAR-100: as :class:`CIFAR10`, with 100 classes, in ``cifar-100-python``."""

    _archive = DATA_SETS["cifar100"].archives[0]
