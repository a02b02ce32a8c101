"""Tiny-ImageNet: 200 classes of ImageNet at 64 x 64 pixels."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from typing import Any, Literal

import mmengine.dist as dist
import numpy as np
from mmengine.logging import MMLogger
from mmpretrain.datasets import BaseDataset

from dmmix.arguments import Checked
from dmmix.datasets.arrays.mapped_array import MappedArray
from dmmix.datasets.images.decode_all import decode_all
from dmmix.datasets.images.decoded_cache import DecodedCache
from dmmix.datasets.messages import check_folder, near_names
from dmmix.datasets.subsets.decode_subset import decode_subset
from dmmix.registry import DATASETS

_SIZE = (64, 64)
_ENDINGS = (".jpeg", ".jpg", ".png")
_SHOWN = 10


@DATASETS.register_module()
class TinyImageNet(Checked, BaseDataset):
    """Tiny-ImageNet, 64 x 64 pixels, 200 classes, 100,000 training and 10,000 validation images.

    In the folders of its publisher::

        tiny-imagenet-200
        ├── wnids.txt                        the classes
        ├── words.txt                        their names; optional
        ├── train/n01443537/images/n01443537_0.JPEG, ...
        └── val
            ├── images/val_0.JPEG, ...
            └── val_annotations.txt          file, class and box, separated by tabs

    Classes are numbered by their sorted WordNet ids. The labels of the test images were never
    published: the validation images are what is tested on.

    Inside :class:`~dmmix.datasets.InMemory` all images are decoded once, by threads, and kept
    decoded in a file (1.2 GB for training) that later runs read in a second, or map where it takes
    more than a quarter of the available memory. A file made for other images is not used: its name
    is a checksum of the names, classes, sizes and times of change of the images, and of the decoder
    and its version.

    Config::

        dataset = dict(
            type='InMemory',
            dataset=dict(type='TinyImageNet', data_root='data/tiny-imagenet-200', split='train'))

    Args:
        data_root: the folder ``tiny-imagenet-200``.
        split: ``'train'`` or ``'val'``.
        cache: where the decoded images are kept: ``True`` in ``data_root``, ``False`` nowhere, or
            another folder. Where it cannot be written to, they are decoded by each run.
        mmap: ``True`` leaves the decoded images in that file, ``False`` reads it, ``'auto'`` reads
            what fits into a quarter of the available memory.
        backend: what decodes: ``'cv2'`` or ``'pillow'``.
        corrupt: of a file that cannot be decoded, inside ``InMemory``: ``'raise'`` an error that
            names it, or ``'skip'``: leave it out, log it and count it in ``corrupt_count``. In a
            label subset the next image of its class (by number) that can be decoded and is not in
            the subset takes its place, on all ranks the same, so that there are as many labels;
            ``InMemory.rows`` tells which images are used, an index file stays as it is.
        pipeline, ...: as for :class:`mmpretrain.datasets.BaseDataset`; a sample has ``img_path``
            and ``gt_label``.

    Raises:
        FileNotFoundError: a file or folder is missing.
        ValueError: an unknown option, a class without images, an annotation that cannot be read or
            has another class, (when they are decoded) an image that is damaged or of another size.

    Source: Stanford's CS231n, https://cs231n.stanford.edu/tiny-imagenet-200.zip.
    """

    def __init__(
        self,
        data_root: str,
        split: Literal["train", "val"] = "train",
        cache: bool | str = True,
        mmap: bool | Literal["auto"] = "auto",
        backend: Literal["cv2", "pillow"] = "cv2",
        corrupt: Literal["raise", "skip"] = "raise",
        **kwargs: Any,
    ) -> None:
        if mmap is True and cache is False:
            raise ValueError("mmap=True maps the file that cache=False does without")
        self.split = split
        self.cache = cache
        self.mmap = mmap
        self.backend = backend
        self.corrupt = corrupt
        self.corrupt_files: list[str] = []
        self.rows: np.ndarray | None = None
        self._choose: Callable[[np.ndarray], np.ndarray] | None = None
        root = os.path.expanduser(data_root)
        self.wnids = _read_wnids(root)
        classes = _read_names(root, self.wnids)
        kwargs.setdefault("test_mode", split == "val")
        metainfo = {"classes": classes, **(kwargs.pop("metainfo", None) or {})}
        super().__init__(ann_file="", data_root=root, metainfo=metainfo, **kwargs)

    def load_data_list(self) -> list[dict]:
        """All samples of the split, in a fixed order."""
        list_samples = self._list_train if self.split == "train" else self._list_val
        return [{"img_path": path, "gt_label": label} for path, label in list_samples()]

    def _list_train(self) -> list[tuple[str, int]]:
        samples = []
        for label, wnid in enumerate(self.wnids):
            folder = os.path.join(self.data_root, "train", wnid, "images")
            names = [n for n in _list_folder(folder) if n.lower().endswith(_ENDINGS)]
            if not names:
                raise ValueError(f"{folder} has no images: class {wnid} is empty")
            samples += [(os.path.join(folder, name), label) for name in names]
        return samples

    def _list_val(self) -> list[tuple[str, int]]:
        folder = os.path.join(self.data_root, "val", "images")
        listed = os.path.join(self.data_root, "val", "val_annotations.txt")
        there = set(_list_folder(folder))
        number = {wnid: label for label, wnid in enumerate(self.wnids)}
        samples = []
        for line, text in enumerate(_read_lines(listed), start=1):
            name, _, rest = text.partition("\t")
            wnid = rest.partition("\t")[0].strip()
            if wnid not in number:
                raise ValueError(f"{listed}, line {line}: class {wnid!r} is not in wnids.txt")
            if name not in there:
                raise FileNotFoundError(f"{listed}, line {line}: there is no {folder}/{name}")
            samples.append((os.path.join(folder, name), number[wnid]))
        if not samples:
            raise ValueError(f"{listed} lists no images")
        return samples

    @property
    def corrupt_count(self) -> int:
        """How many files were left out."""
        return len(self.corrupt_files)

    def chosen(self, choose: Callable[[np.ndarray], np.ndarray]) -> TinyImageNet:
        """The samples whose numbers ``choose(labels)`` gives; only these are decoded or read.

        Afterwards ``rows`` of what is returned are the numbers of the samples that it has: others
        than the chosen ones where these were corrupt.
        """
        other = copy.copy(self)
        other._choose = choose
        return other

    def arrays(self) -> tuple[np.ndarray | MappedArray, np.ndarray]:
        """All images (N, 64, 64, 3) uint8 RGB, and labels (N,) int64."""
        if not self._fully_initialized:
            self.serialize_data = False
            self.full_init()
        infos = [self.get_data_info(i) for i in range(len(self))]
        paths = [info["img_path"] for info in infos]
        labels = np.array([info["gt_label"] for info in infos], dtype=np.int64)
        rows = None if self._choose is None else self._choose(labels)
        cache = self._find_cache(paths, labels)
        decoded = None
        if cache is not None and rows is None:
            # One process a machine would be enough, but only the first of all is surely alone.
            if dist.is_main_process() and not cache.is_there():
                decoded = self._decode(paths)
                if not decoded[1]:
                    cache.write(decoded[0])
            dist.barrier()
        if cache is not None and cache.is_there():
            self.rows = rows
            return cache.read(rows, self.mmap), labels if rows is None else labels[rows]
        if rows is not None:
            return self._decode_subset(paths, labels, rows)
        images, wrong = decoded or self._decode(paths)
        if not wrong:
            return images, labels
        self._report(list(wrong.values()))
        fine = np.setdiff1d(np.arange(len(paths)), list(wrong))
        if not len(fine):
            raise ValueError(f"none of the {len(paths)} images in {self.data_root} can be decoded")
        return images[fine], labels[fine]

    def _decode_subset(
        self, paths: list[str], labels: np.ndarray, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        def decode(numbers: Sequence[int] | np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
            images, wrong = self._decode([paths[number] for number in numbers])
            if self.corrupt == "raise" and wrong:
                self._report(list(wrong.values()))
            return images, wrong

        images, self.rows, wrong = decode_subset(rows, labels, decode)
        if wrong:
            for row, reason in wrong.items():
                if labels[row] not in labels[self.rows]:
                    raise ValueError(f"{reason}, and so is every image of its class")
            self._report(list(wrong.values()))
            MMLogger.get_current_instance().warning(
                "In the label subset %d others of their classes take their places",
                len(np.setdiff1d(self.rows, rows)),
            )
        return images, labels[self.rows]

    def _find_cache(self, paths: list[str], labels: np.ndarray) -> DecodedCache | None:
        if self.cache is False:
            return None
        folder = self.data_root if self.cache is True else os.path.expanduser(self.cache)
        classes = labels.tobytes()
        return DecodedCache(folder, self.split, paths, classes, self.data_root, self.backend)

    def _decode(self, paths: list[str]) -> tuple[np.ndarray, dict[int, str]]:
        title = f"Tiny-ImageNet {self.split}" if dist.is_main_process() else ""
        return decode_all(paths, _SIZE, self.backend, title)

    def _report(self, reasons: list[str]) -> None:
        if self.corrupt == "raise":
            more = f" ({len(reasons) - 1} more are, too)" if len(reasons) > 1 else ""
            raise ValueError(f"{reasons[0]}{more}; corrupt='skip' leaves it out")
        self.corrupt_files[:] = [reason.split(" is no image")[0] for reason in reasons]
        logger = MMLogger.get_current_instance()
        for reason in reasons[:_SHOWN]:
            logger.warning("%s: left out", reason)
        logger.warning("%d corrupt images of %s are left out", len(reasons), self.data_root)

    def extra_repr(self) -> list[str]:
        """What of the data is used."""
        return [f"Split: \t{self.split}", f"Root of dataset: \t{self.data_root}"]


def _read_wnids(root: str) -> list[str]:
    path = os.path.join(root, "wnids.txt")
    if not os.path.isfile(path):
        reason = f"has no wnids.txt: is it tiny-imagenet-200?{_near_folder(root)}"
        if not os.path.isdir(root):
            reason = f"does not exist{near_names(root)}"
        raise FileNotFoundError(f"{root} {reason} (dmmix data prepare tiny_imagenet makes it)")
    wnids = sorted(line.strip() for line in _read_lines(path) if line.strip())
    if not wnids or len(set(wnids)) < len(wnids):
        raise ValueError(f"{path} must list classes, each once")
    return wnids


def _near_folder(root: str) -> str:
    inner = os.path.join(root, "tiny-imagenet-200")
    return f" There is {inner}" if os.path.isdir(inner) else ""


def _read_names(root: str, wnids: list[str]) -> tuple[str, ...]:
    """A word for each class, from words.txt; its id where there is none."""
    path = os.path.join(root, "words.txt")
    words = {}
    if os.path.isfile(path):
        for line in _read_lines(path):
            wnid, _, names = line.partition("\t")
            words[wnid] = names.split(",")[0].strip()
    return tuple(words.get(wnid) or wnid for wnid in wnids)


def _read_lines(path: str) -> list[str]:
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{path} does not exist{near_names(path)}")
    try:
        with open(path, encoding="utf-8") as file:
            return [line for line in file.read().splitlines() if line]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}") from None


def _list_folder(folder: str) -> list[str]:
    check_folder(folder)
    return sorted(os.listdir(folder))
