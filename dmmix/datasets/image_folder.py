"""Folders of images that are decoded and cropped to one size, and no more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
import torch
from mmengine.fileio import get
from mmpretrain.datasets import CustomDataset
from torch import Tensor

from dmmix.datasets.crop_boxes import draw_crop_box
from dmmix.datasets.image_decoding import ImageHeader, decode, read_header, reduction, resize
from dmmix.datasets.paths import near_names
from dmmix.registry import DATASETS

__all__ = ["DecodedFolder"]

_BACKENDS = ("cv2", "pillow")


@DATASETS.register_module()
class DecodedFolder(CustomDataset):
    """Image files in a folder for each class, as crops of one size.

    For training a sample is a random resized crop, for testing the middle of the image after its
    short edge was resized. It is ``inputs`` (3, H, W) uint8 RGB and ``labels`` () int64, for
    ``default_collate``; all other augmentation is done on the batch
    (``data_preprocessor.batch_transforms``). Images are turned upright as their EXIF says.

    The box of sample ``i`` is drawn from (``seed``, epoch, ``i``) and nothing else: it is the same
    with any number of workers and after a resume. :meth:`set_epoch` says which epoch it is.

    Args:
        data_root: the folder with the folders ``class/image.jpg``. The classes are numbered in
            the order of their names.
        size: of the crops: one number, or (height, width).
        test_mode: crops the middle instead of a random box.
        resize_edge: (testing) length of the short edge before the crop; 8/7 of the larger side of
            ``size`` by default, 256 for 224.
        scale: (training) bounds of the box's share of the image's area.
        ratio: (training) bounds of its width over its height.
        reduced: decode a JPEG at 1/2, 1/4 or 1/8 of its size where that is still larger than the
            crop. Much faster for large photos; pixels differ a little.
        backend: what decodes: ``'cv2'`` or ``'pillow'``.
        seed: of the boxes; by default what torch is seeded with when the dataset is made, which a
            runner does with the seed of the run.
        others: of :class:`mmpretrain.datasets.CustomDataset` but ``pipeline``: ``data_prefix``,
            ``ann_file``, ``extensions``, ``classes``, ...

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: an argument out of range, a pipeline, a folder without class folders or
            without images; (when a sample is read) a file that cannot be decoded, which is named.
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
        **kwargs: Any,
    ) -> None:
        if len(pipeline) > 0:
            raise ValueError(
                "DecodedFolder runs no pipeline: put what augments into "
                "data_preprocessor.batch_transforms and leave the pipeline out"
            )
        self.size = _check_size(size)
        self.resize_edge = max(self.size) * 8 // 7 if resize_edge is None else resize_edge
        if self.resize_edge < max(self.size):
            raise ValueError(f"resize_edge={resize_edge} is smaller than size={size}")
        if not 0 < scale[0] <= scale[1] <= 1:
            raise ValueError(f"scale must be (low, high) with 0 < low <= high <= 1, got {scale}")
        if not 0 < ratio[0] <= ratio[1]:
            raise ValueError(f"ratio must be (low, high) with 0 < low <= high, got {ratio}")
        if backend not in _BACKENDS:
            raise ValueError(f"backend must be one of {_BACKENDS}, got {backend!r}")
        seed = torch.initial_seed() if seed is None else seed
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}")
        self.scale, self.ratio = tuple(scale), tuple(ratio)
        self.reduced = reduced
        self.backend = backend
        self.seed = seed
        # Shared, so that workers that live on from epoch to epoch see it too.
        self._epoch = torch.tensor(0).share_memory_()
        super().__init__(data_root=data_root, test_mode=test_mode, **kwargs)

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
        try:
            return super()._find_samples()
        except RuntimeError as error:
            endings = ", ".join(sorted(self.extensions))
            raise ValueError(
                f"the folders in {folder} have no images (names that end in {endings})"
            ) from error

    def set_epoch(self, epoch: int) -> None:
        """Makes the boxes those of another epoch; to be called before the loader is iterated.

        :class:`~dmmix.engine.DatasetEpochHook` does it in a runner.
        """
        if epoch < 0:
            raise ValueError(f"epoch must be at least 0, got {epoch}")
        self._epoch.fill_(epoch)

    def prepare_data(self, idx: int) -> dict[str, Tensor]:
        """A sample.

        Raises:
            ValueError: the file cannot be decoded.
        """
        info = self.get_data_info(idx)
        data = get(info["img_path"])
        try:
            header = read_header(data)
            crop = self._middle if self.test_mode else self._random_crop
            image = crop(data, header, info["sample_idx"])
        except (OSError, ValueError, SyntaxError, cv2.error) as error:
            raise ValueError(f"{info['img_path']} is no image or damaged: {error}") from error
        return {
            "inputs": torch.from_numpy(image).permute(2, 0, 1).contiguous(),
            "labels": torch.tensor(info.get("gt_label", -1)),
        }

    def _random_crop(self, data: bytes, header: ImageHeader, index: int) -> np.ndarray:
        rng = np.random.default_rng((self.seed, self._epoch.item(), index))
        box = draw_crop_box(header.height, header.width, self.scale, self.ratio, rng)
        factor = reduction(header, box[2:], self.size) if self.reduced else 1
        image = decode(data, header, factor, self.backend)
        rows, columns = (
            _reduced_range(box[axis], box[axis + 2], factor, image.shape[axis]) for axis in (0, 1)
        )
        return resize(image[rows, columns], self.size)

    def _middle(self, data: bytes, header: ImageHeader, index: int) -> np.ndarray:
        short, edge = min(header.height, header.width), self.resize_edge
        size = (header.height * edge // short, header.width * edge // short)
        factor = reduction(header, (header.height, header.width), size) if self.reduced else 1
        image = resize(decode(data, header, factor, self.backend), size)
        top, left = (round((have - want) / 2) for have, want in zip(size, self.size, strict=True))
        return image[top : top + self.size[0], left : left + self.size[1]]

    def extra_repr(self) -> list[str]:
        """What is made of the images."""
        if self.test_mode:
            how = f"short edge {self.resize_edge}, middle"
        else:
            how = f"random box, scale={self.scale}, ratio={self.ratio}, seed={self.seed}"
        return [
            f"Folder: \t{self.img_prefix}",
            f"Crops: \t{self.size[0]} x {self.size[1]}, {how}",
            f"Decoder: \t{self.backend}, reduced={self.reduced}",
        ]


def _check_size(size: int | Sequence[int]) -> tuple[int, int]:
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError(f"size must be a number or (height, width), at least 1, got {size}")
    return pair


def _reduced_range(start: int, length: int, factor: int, limit: int) -> slice:
    """The pixels of the reduced image that are nearest to a range of the whole one."""
    end = min(limit, max(1, round((start + length) / factor)))
    return slice(min(round(start / factor), end - 1), end)
