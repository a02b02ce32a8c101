"""The parts of a data set of one's own: training, validation, test, without labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dmmix.datasets.messages import check_folder, listed, near_names
from dmmix.datasets.own.folders import folder_parts
from dmmix.datasets.own.labels_file import LABELS_FILES, labels_file_parts
from dmmix.datasets.own.part import NAMES, Part, in_order


@dataclass(frozen=True)
class OwnData:
    """What there is. A part that is not there is ``None``."""

    train: Part
    val: Part | None = None
    test: Part | None = None
    unlabelled: Part | None = None


def find_parts(where: str | Sequence[str]) -> OwnData:
    """Looks for the parts of a data set in folders and files of labels.

    A folder has the folders ``train``, ``val``, ``test`` and ``unlabelled`` (or other usual names
    of these), of which only the first is needed; or it has a folder for each class itself, and all
    its images are for training. Those without labels may lie in any folders below theirs. A file
    of labels says of each image its class and, if it wants to, its part.

    Of several of them each part has the images of all, whose classes are matched by name.

    Raises:
        FileNotFoundError: there is no such folder or file.
        ValueError: it is no data set: no class folders, less than two classes, one without images,
            a part twice, ...; the message names the folder or file.
    """
    where = [where] if isinstance(where, str) else list(where)
    found = _makers(where)
    if "train" not in found:
        there = ", ".join(name for name in NAMES if name in found)
        raise ValueError(
            f"{', '.join(where)} has {there} but no folder train: put the training images there, "
            "in a folder for each class; in a file of labels their split is train"
        )
    data = OwnData(**{name: _merged([make() for make in found[name]]) for name in found})
    if len(data.train.classes) < 2:
        raise ValueError(
            f"{data.train.where} has one class alone ({data.train.classes[0]}): a classifier needs "
            "two or more, in a folder each"
        )
    return data


def find_part(where: str | Sequence[str], name: str) -> Part:
    """One of the parts, as :func:`find_parts`, without looking at the others."""
    where = [where] if isinstance(where, str) else list(where)
    found = _makers(where)
    if name not in found:
        raise ValueError(f"{', '.join(where)} has no part {name}, only {', '.join(found)}")
    return _merged([make() for make in found[name]])


def _makers(where: Sequence[str]) -> Mapping[str, list[Callable[[], Part]]]:
    """What makes the parts that there are."""
    real = [os.path.realpath(os.path.expanduser(path)) for path in where]
    for number, path in enumerate(real):
        if path in real[:number]:
            raise ValueError(f"{where[number]} is given twice: its images would count double")
    found: dict[str, list[Callable[[], Part]]] = {}
    for path in map(os.path.expanduser, where):
        if path.lower().endswith(LABELS_FILES) and not os.path.isdir(path):
            if not os.path.isfile(path):
                raise FileNotFoundError(f"there is no file {path}{near_names(path)}")
            makers = labels_file_parts(path)
        else:
            endings = ", ".join(LABELS_FILES)
            check_folder(path, f" or a file of labels ({endings})" * os.path.isfile(path))
            makers = folder_parts(path)
        for name, make in makers.items():
            found.setdefault(name, []).append(make)
    return {name: found[name] for name in NAMES if name in found}


def _merged(parts: Sequence[Part]) -> Part:
    """The images of all of them, the classes matched by name."""
    if len(parts) == 1:
        return parts[0]
    multi = any(part.multi_label for part in parts)
    parts = [part.as_multi_label() for part in parts] if multi else parts
    classes = in_order(name for part in parts for name in part.classes)
    return Part(
        listed([part.where for part in parts], len(parts)),
        classes,
        tuple(file for part in parts for file in part.files),
        np.concatenate([part.renumbered(classes).labels for part in parts]),
        " and ".join(part.passed_over for part in parts if part.passed_over) or None,
    )
