"""What a dataset needs for a stream to be made of it; found before training starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from dmmix.arguments import check_argument
from dmmix.datasets.interface import makes_repeats
from dmmix.datasets.subsets.label_subset import LabelSubset, check_keys, check_subset
from dmmix.functional.ranges import Count


def image_size(name: str, dataset: Any) -> tuple[int, ...]:
    """(ch, H, W) of its first image; ``name`` of the argument is for messages.

    Raises TypeError for samples that are no images with labels, ValueError where there are none.
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
    """Raises ValueError unless each sample has a label, at least 0."""
    if (labels < 0).any():
        row = int((labels < 0).argmax())
        raise ValueError(
            f"{name} must have a label, at least 0, for each image; that of image {row} is "
            f"{labels[row]}"
        )


def check_repeats(name: str, value: int, datasets: Sequence) -> None:
    """Raises ValueError unless each crops its images anew for each repeat."""
    for dataset in datasets:
        if not makes_repeats(dataset):
            raise ValueError(
                f"{name}={value} is for image files, cropped anew each time (DecodedImages, "
                f"DecodedFolder), got {type(dataset).__name__}: take {name}=1, and transforms of "
                "the data_preprocessor that make the views differ"
            )


def _shown(key: str, value: Any) -> str:
    return f"{key} {tuple(value.shape)}" if isinstance(value, Tensor) else key


def check_num_labels(config: Mapping | LabelSubset) -> None:
    """Raises as :func:`~dmmix.datasets.check_subset`, before the data are loaded.

    Also for ``num_labels`` below 1, or beside another count.
    """
    if isinstance(config, Mapping):
        check_keys(config, also=["num_labels"])
        config = dict(config)
        if (total := config.pop("num_labels", None)) is not None:
            check_argument("subset", "num_labels", total, Count)
            for name in ("labels_per_class", "label_fraction"):
                if config.get(name) is not None:
                    raise ValueError(
                        f"subset: num_labels={total} and {name}={config[name]}: only one of them, "
                        "please"
                    )
            return
    check_subset(config)


def resolve_subset(config: Mapping | LabelSubset, per_class: np.ndarray) -> LabelSubset:
    """A subset in which ``num_labels`` may stand for ``labels_per_class`` times the classes.

    Raises ValueError where it is not the same number for each class, or more than there are:
    ``per_class`` (number of classes,).
    """
    if not isinstance(config, Mapping):
        return check_subset(config)
    config = dict(config)
    total, classes = config.pop("num_labels", None), len(per_class)
    if total is not None:
        if total % classes:
            raise ValueError(
                f"subset.num_labels={total} is not the same number for each of the {classes} "
                f"classes: take a multiple of {classes}"
            )
        count, least = int(total // classes), int(per_class.argmin())
        if count > per_class[least]:
            raise ValueError(
                f"subset.num_labels={total} is {count} of each of the {classes} classes, but class "
                f"{least} has only {per_class[least]} samples"
            )
        config["labels_per_class"] = count
    return check_subset(config)
