"""Decoded images in a file beside the data, for later runs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Literal

import numpy as np
from mmengine.logging import MMLogger

from dmmix.compat.atomic import atomic_open
from dmmix.datasets.mapped_array import MappedArray
from dmmix.datasets.memory import available_memory

__all__ = ["DecodedCache"]


class DecodedCache:
    """A npy file whose name says which images it has.

    Args:
        folder: that it is in.
        name: that its own begins with.
        paths: of the N images.
        labels: (N,) of the images.
        root: the folder that the images are in.
        backend: what decodes.
    """

    def __init__(
        self,
        folder: str,
        name: str,
        paths: Sequence[str],
        labels: np.ndarray,
        root: str,
        backend: str,
    ) -> None:
        digest = hashlib.sha256(f"{backend}\n".encode())
        digest.update(np.ascontiguousarray(labels, np.int64).tobytes())
        for parent in sorted({os.path.dirname(path) for path in paths}):
            stamp = os.stat(parent).st_mtime_ns  # changes when files are added or removed
            digest.update(f"{os.path.relpath(parent, root)} {stamp}\n".encode())
        digest.update("\n".join(map(os.path.basename, paths)).encode())
        self.count = len(paths)
        self.path = os.path.join(folder, f"{name}-decoded-{digest.hexdigest()[:16]}.npy")

    def is_there(self) -> bool:
        """Whether it is there, whole, and has as many images as there are."""
        try:
            return len(self._mapped()) == self.count
        except (OSError, ValueError):
            return False

    def write(self, images: np.ndarray) -> None:
        """Writes it, if the folder allows that."""
        try:
            with atomic_open(self.path) as file:
                np.lib.format.write_array(file, images, version=(1, 0), allow_pickle=False)
        except OSError as error:
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
        available = available_memory()
        too_much = available is not None and mapped.nbytes > available / 4
        return mapped if mmap is True or (mmap == "auto" and too_much) else mapped.take(slice(None))

    def _mapped(self) -> MappedArray:
        with open(self.path, "rb") as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError(f"{self.path} has another format")
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
            if fortran or dtype != np.uint8 or len(shape) != 4:
                raise ValueError(f"{self.path} has other content")
            return MappedArray(file, file.tell(), shape, dtype)
