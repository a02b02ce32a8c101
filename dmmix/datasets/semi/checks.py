"""What a dataset needs for a stream to be made of it; found before training starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from dmmix.datasets.interface import makes_repeats
from dmmix.datasets.messages import listed, named_class

__all__ = ["check_every_class", "check_has_labels", "check_repeats", "image_size"]


def image_size(name: str, dataset: Any) -> tuple[int, ...]:
    """(ch, H, W) of its first image; ``name`` of the argument is for messages.

    Raises:
        TypeError: its samples are no images with labels.
        ValueError: it has none.
    """
    if not len(dataset):
        raise ValueError(f"{name}: {type(dataset).__name__} has no images")
    sample = dataset[0]
    parts = sample if isinstance(sample, Mapping) else {}
    image = parts.get("inputs")
    if not isinstance(image, Tensor) or image.ndim != 3 or "labels" not in parts:
        found = [_shown(key, value) for key, value in parts.items()] or [type(sample).__name__]
        raise TypeError(
            f"{name} must have samples of inputs (ch, H, W) and labels, those of "
            f"{type(dataset).__name__} have {', '.join(found)}: wrap its images in an InMemory, or "
            "in a DecodedImages if they are files"
        )
    return tuple(image.shape)


def check_has_labels(name: str, labels: np.ndarray) -> None:
    """Each sample has a label.

    Raises:
        ValueError: one has none (it is below 0).
    """
    if (labels < 0).any():
        row = int((labels < 0).argmax())
        raise ValueError(
            f"{name} must have a label, at least 0, for each image; that of image {row} is "
            f"{labels[row]}"
        )


def check_every_class(labels: np.ndarray, num_classes: int, classes: Sequence | None) -> None:
    """Each class has a labelled sample.

    Raises:
        ValueError: one has none.
    """
    empty = np.flatnonzero(np.bincount(labels, minlength=num_classes) == 0)
    if len(empty):
        names = listed([named_class(int(c), classes) for c in empty], 5)
        raise ValueError(
            f"subset: {len(empty)} of {num_classes} classes have no labelled sample: {names}"
        )


def check_repeats(name: str, value: int, datasets: Sequence) -> None:
    """Each crops its images anew for each repeat.

    Raises:
        ValueError: one does not.
    """
    for dataset in datasets:
        if not makes_repeats(dataset):
            raise ValueError(
                f"{name}={value} is for image files, cropped anew each time (DecodedImages, "
                f"DecodedFolder), got {type(dataset).__name__}: take {name}=1, and transforms of "
                "the data_preprocessor that make the views differ"
            )


def _shown(key: str, value: Any) -> str:
    return f"{key} {tuple(value.shape)}" if isinstance(value, Tensor) else key
