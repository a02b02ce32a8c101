"""What a frozen network makes of image files, computed once and kept in a file."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dmmix.compat.atomic import atomic_open
from dmmix.datasets.images.crop_options import CropOptions
from dmmix.datasets.images.crops import named_crop
from dmmix.datasets.images.reading import read_file
from dmmix.version import __version__

#: Of a file, what tells that it is another image now.
_Stamp = tuple[str, int, int]


@dataclass(frozen=True)
class FrozenNetwork:
    """Backbone and neck of a classifier, with what is done to an image before.

    Attributes:
        model: the classifier, in evaluation mode.
        crop: how image files are cropped.
        about: what else its features depend on, such as the config of the preprocessing.
        mirror: whether it is shown the mirror images.
    """

    model: Any
    crop: CropOptions
    about: str = ""
    mirror: bool = False

    @torch.no_grad()
    def __call__(self, inputs: Tensor) -> Tensor:
        """Features (N, D) of (N, ch, H, W) uint8.

        Raises:
            ValueError: more than one vector an image.
        """
        data = {"inputs": inputs, "labels": torch.zeros(len(inputs), dtype=torch.long)}
        images = self.model.data_preprocessor(data, training=False)["inputs"]
        found = self.model.extract_feat(images.flip(-1) if self.mirror else images)
        features = found[-1] if isinstance(found, tuple | list) else found
        if not isinstance(features, Tensor) or features.ndim != 2:
            shape = tuple(getattr(features, "shape", ()))
            raise ValueError(
                f"the features of the network are {shape} for {len(inputs)} images, and a probe "
                "reads one vector of each: give the config neck=dict(type='GlobalAveragePooling')"
            )
        return features.float().cpu()

    def digest(self) -> str:
        """Of all that its features depend on: weights, preprocessing, ``about``."""
        made_by = (__version__, self.crop, self.about, self.mirror)
        found = hashlib.sha256(repr(made_by).encode())
        for name, value in self.model.state_dict().items():
            if not name.startswith("head."):
                found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
                found.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy())
        return found.hexdigest()


def kept_features(
    network: FrozenNetwork,
    files: Sequence[str],
    path: Path,
    batch_size: int = 32,
    workers: int = 0,
    shown: Callable[[Iterable, int], Iterable] = lambda batches, total: batches,
) -> tuple[Tensor, int]:
    """Features of image files, computed where the file at ``path`` does not have them.

    It has those of another call for the same network, and of each image its path, size and time
    of change: an image that is another now, or new, is computed, the others are not. What is
    computed is kept also where an image cannot be read or somebody stops it.

    Args:
        network: what computes them.
        files: paths of the images, each once.
        path: a ``.npz`` file, which is read and written.
        batch_size: images at a time.
        workers: processes that read images.
        shown: goes through the batches, so many, and shows how far it is.

    Returns:
        (N, D) features, and how many of them were computed.

    Raises:
        ValueError: a file that is no image or damaged, which is named.
        FileNotFoundError: a file that is not there.
    """
    digest = network.digest()
    stamps = [_stamp(file) for file in files]
    known = _read(path, digest)
    missing = [stamp[0] for stamp in stamps if stamp not in known]
    if not missing:
        return torch.stack([known[stamp] for stamp in stamps]), 0
    stamp_of = dict(zip(files, stamps, strict=True))
    done = 0
    try:
        loader = DataLoader(_Images(missing, network.crop), batch_size, num_workers=workers)
        for inputs in shown(loader, len(loader)):
            for features in network(inputs):
                known[stamp_of[missing[done]]] = features
                done += 1
    finally:
        if done:
            old = {stamp for stamp in known if stamp[0] in stamp_of} - set(stamps)
            _write(path, digest, {stamp: known[stamp] for stamp in known if stamp not in old})
    return torch.stack([known[stamp] for stamp in stamps]), done


class _Images(Dataset):
    def __init__(self, files: Sequence[str], crop: CropOptions) -> None:
        self.files, self.crop = files, crop

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        file = self.files[index]
        return torch.from_numpy(named_crop(read_file(file), self.crop, file))


def _stamp(file: str) -> _Stamp:
    found = os.stat(file)
    return file, found.st_size, found.st_mtime_ns


def _read(path: Path, digest: str) -> dict[_Stamp, Tensor]:
    """What is kept of this network; nothing where the file is absent, damaged or of another."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["network"]) != digest:
                return {}
            columns = [kept[name].tolist() for name in ("files", "sizes", "changed")]
            features = torch.from_numpy(kept["features"])
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return {}
    return dict(zip(zip(*columns, strict=True), features, strict=True))


def _write(path: Path, digest: str, known: dict[_Stamp, Tensor]) -> None:
    files, sizes, changed = zip(*known, strict=True)
    with atomic_open(path) as file:
        np.savez(
            file, network=np.array(digest), files=np.array(files), sizes=np.array(sizes),
            changed=np.array(changed), features=torch.stack(list(known.values())).numpy(),
        )  # fmt: skip
