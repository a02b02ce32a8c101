"""Decoded images in a file beside the data, for later runs."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Sequence
from typing import IO, Literal

import cv2
import numpy as np
import PIL
from mmengine.logging import MMLogger

from dmmix.compat.atomic import atomic_open
from dmmix.datasets.arrays.mapped_array import MappedArray
from dmmix.datasets.arrays.memory import fits_in_memory


class DecodedCache:
    """A npy file whose name says which images it has.

    It has a checksum of the images' names, sizes and times of change, of what else decides about
    its content, and the decoder with its version: where one of them differs, it is another file. (A
    third of a second for 100,000 images.)

    Args:
        folder: that it is in.
        name: that its own begins with.
        paths: of the N images.
        decides: bytes that stand for what else does: labels, reductions.
        root: the folder that the images are in.
        backend: what decodes.
    """

    def __init__(
        self,
        folder: str,
        name: str,
        paths: Sequence[str],
        decides: bytes,
        root: str,
        backend: str,
    ) -> None:
        version = {"cv2": cv2, "pillow": PIL}[backend].__version__
        digest = hashlib.sha256(f"{backend} {version}\n".encode())
        digest.update(decides)
        digest.update(_stamps(paths, root).encode("utf-8", "surrogateescape"))
        self.count = len(paths)
        self._start = os.path.join(folder, f"{name}-decoded-")
        self.path = f"{self._start}{digest.hexdigest()[:16]}.npy"

    def is_there(self) -> bool:
        """Whether it is there, whole, and has as many images as there are."""
        try:
            return len(self._mapped()) == self.count
        except (OSError, ValueError):
            return False

    def write(self, images: np.ndarray) -> None:
        """Writes images of one size, if the folder allows that."""
        self.write_by(
            lambda file: np.lib.format.write_array(file, images, version=(1, 0), allow_pickle=False)
        )

    def write_by(self, fill: Callable[[IO[bytes]], None]) -> None:
        """Has ``fill`` write into the open file, if the folder allows that.

        Tells of files that were made for other images.
        """
        try:
            with atomic_open(self.path) as file:
                fill(file)
        except OSError as error:
            self.tell_unwritable(error)
            return
        others = sorted(set(glob.glob(f"{glob.escape(self._start)}*.npy")) - {self.path})
        if others:
            MMLogger.get_current_instance().info(
                "Decoded images of other files, or by another decoder; remove what nobody uses any "
                "more: %s", ", ".join(others)
            )  # fmt: skip

    def tell_unwritable(self, error: OSError) -> None:
        """Warns that the file could not be written."""
        MMLogger.get_current_instance().warning(
            "Decoded images are not kept, every run decodes them: %s (cache=FOLDER names a "
            "place that can be written to)", error
        )  # fmt: skip

    def read(
        self, rows: np.ndarray | None, mmap: bool | Literal["auto"]
    ) -> np.ndarray | MappedArray:
        """Its images, or these rows of them; left in the file if ``mmap`` says so.

        With ``'auto'`` that is the case for more than a quarter of the available memory.
        """
        mapped = self._mapped()
        if rows is not None:
            mapped = mapped.subset(rows)
        stays = mmap is True or (mmap == "auto" and not fits_in_memory(mapped.nbytes))
        return mapped if stays else mapped.take(slice(None))

    def _mapped(self) -> MappedArray:
        with open(self.path, "rb") as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError(f"{self.path} has another format")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            if fortran or dtype != np.uint8 or len(shape) != 4:
                raise ValueError(f"{self.path} has other content")
            return MappedArray(file, file.tell(), shape, dtype)


def _stamps(paths: Sequence[str], root: str) -> str:
    """A line for each file: its path below ``root``, its size and when it last changed."""
    folders: dict[str, str] = {}
    lines = []
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in folders:  # which takes longer than all the rest
            folders[folder] = os.path.relpath(folder, root)
        try:
            state = os.stat(path)
            stamp = f"{state.st_size} {state.st_mtime_ns}"
        except OSError:  # a broken link: not there, and to be told when it is decoded
            stamp = "-"
        lines.append(f"{folders[folder]}/{name} {stamp}")
    return "\n".join(lines)
