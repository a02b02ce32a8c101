"""Index files: which samples of a dataset a label subset is made of, to be kept and published."""

from __future__ import annotations

import hashlib
import json
import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dmmix.compat.atomic import atomic_open
from dmmix.compat.lock import Lock

_FORMAT, _VERSION = "dmmix label subset", 1
_ARGUMENTS = ("labels_per_class", "label_fraction", "seed")


def labels_checksum(labels: np.ndarray) -> str:
    """SHA-256 of all labels of a dataset, in their order, as little-endian int64."""
    return hashlib.sha256(np.ascontiguousarray(labels, dtype="<i8").tobytes()).hexdigest()


@dataclass(frozen=True)
class SubsetFile:
    """What an index file holds.

    Attributes:
        asked: ``labels_per_class`` or ``label_fraction``, and ``seed``: what it was made from;
            none of them where the choice came from somewhere else.
        per_class: (number of classes,) how many samples of each class the whole dataset has.
        checksum: of all its labels.
        classes: names of the classes; ``None`` where they are not known.
        indices: (n,) int64, sorted: the samples that are used.
        path: where it was read from.
    """

    asked: dict[str, Any]
    per_class: np.ndarray
    checksum: str
    classes: tuple[str, ...] | None
    indices: np.ndarray
    path: str = ""

    @classmethod
    def of(
        cls,
        labels: np.ndarray,
        indices: np.ndarray,
        asked: Mapping[str, int | float],
        classes: Sequence[str] | None = None,
    ) -> SubsetFile:
        """That of a subset of the samples with these ``labels``."""
        names = None if classes is None else tuple(map(str, classes))
        return cls(dict(asked), np.bincount(labels), labels_checksum(labels), names, indices)

    @property
    def counts_are_given(self) -> bool:
        """Whether it says how many samples of a class there must be."""
        return "labels_per_class" in self.asked or "label_fraction" in self.asked

    def check_asked(self, asked: Mapping[str, int | float]) -> None:
        """Raises ValueError unless it was made from what is asked for, if anything is."""
        given = {name: asked[name] for name in _ARGUMENTS if name in asked}
        if not (given.keys() - {"seed"}):
            differs = any(self.asked.get(name) != value for name, value in given.items())
        else:
            differs = self.asked != given
        if differs:
            raise ValueError(
                f"{self.path} was made with {_listed(self.asked) or 'no arguments'}, asked for is "
                f"{_listed(given)}: name another file, or ask for what is in this one"
            )

    def check_labels(self, labels: np.ndarray) -> None:
        """Raises ValueError unless the dataset that it was made for has these labels."""
        count = int(self.per_class.sum())
        if count != len(labels):
            raise ValueError(
                f"{self.path} was made for a dataset of {count} samples, this one has {len(labels)}"
            )
        per_class = np.bincount(labels)
        if not np.array_equal(per_class, self.per_class):
            if len(per_class) != len(self.per_class):
                what = f"{len(self.per_class)} classes, this one has {len(per_class)}"
            else:
                c = int(np.flatnonzero(per_class != self.per_class)[0])
                what = f"{self.per_class[c]} samples of class {c}, this one has {per_class[c]}"
            raise ValueError(f"{self.path} was made for a dataset with {what}")
        if labels_checksum(labels) != self.checksum:
            raise ValueError(
                f"{self.path} was made for a dataset with the same number of samples of each "
                "class, but in another order (the checksum of the labels differs)"
            )

    def check_counts(self, labels: np.ndarray, wanted: np.ndarray) -> None:
        """Raises ValueError unless it has as many samples of each class as are ``wanted``."""
        have = np.bincount(labels[self.indices], minlength=len(wanted))
        if not np.array_equal(have, wanted):
            c = int(np.flatnonzero(have != wanted)[0])
            raise ValueError(
                f"{self.path} has {have[c]} samples of class {c}, but {_listed(self.asked)} means "
                f"{wanted[c]}"
            )

    def text(self) -> str:
        """As JSON that can be read and compared line by line."""
        head: dict[str, Any] = {"format": _FORMAT, "version": _VERSION, **self.asked}
        head |= {
            "samples": len(self.indices),
            "dataset_samples": int(self.per_class.sum()),
            "dataset_labels_sha256": self.checksum,
        }
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
        lists = {"dataset_samples_per_class": self.per_class.tolist()}
        if self.classes is not None:
            lists["classes"] = list(self.classes)
        lists["indices"] = self.indices.tolist()
        for key, values in lists.items():
            lines.append(f"  {json.dumps(key)}: [\n{_wrapped(values)}\n  ]")
        return "{\n" + ",\n".join(lines) + "\n}\n"


def write_subset_file(path: str, content: SubsetFile) -> bool:
    """Makes the file unless it is there; it appears whole. Safe with several processes at once.

    Returns:
        Whether it was made: ``False`` where another process was faster, whose file stays.
    """
    path = os.path.abspath(path)
    with Lock(f"{path}.lock"):
        if os.path.exists(path):
            return False
        with atomic_open(path, "w") as file:
            file.write(content.text())
    return True


def read_subset_file(path: str) -> SubsetFile:
    """The content of an index file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is none, or damaged; the message names the file and what is wrong.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder, not an index file of a label subset")
    with open(path, encoding="utf-8") as file:
        try:
            data = json.load(file)
        except (ValueError, RecursionError) as error:  # also of the encoding
            raise ValueError(f"{path} is no index file of a label subset: {error}") from None
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise ValueError(f"{path} is no index file of a label subset: 'format' is not {_FORMAT!r}")
    if data.get("version") != _VERSION:
        raise ValueError(
            f"{path} has version {data.get('version')!r} of the format, this dmmix reads {_VERSION}"
        )
    try:
        return _parsed(data, path)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"{path} is damaged: {what}") from None


def _parsed(data: dict, path: str) -> SubsetFile:
    per_class = _integers(data["dataset_samples_per_class"], "dataset_samples_per_class")
    indices = _integers(data["indices"], "indices")
    count = data["dataset_samples"]
    if per_class.sum() != count:
        raise ValueError(f"dataset_samples is {count}, its classes have {per_class.sum()}")
    if len(indices) != data["samples"]:
        raise ValueError(f"samples is {data['samples']}, there are {len(indices)} indices")
    if (np.diff(indices) <= 0).any():
        at = int(np.flatnonzero(np.diff(indices) <= 0)[0])
        raise ValueError(f"indices must rise, {indices[at]} is followed by {indices[at + 1]}")
    if not len(indices) or indices[-1] >= count:
        last = indices[-1] if len(indices) else "none"
        raise ValueError(f"indices must be below {count} and at least one, the last is {last}")
    checksum, classes = data["dataset_labels_sha256"], data.get("classes")
    if not isinstance(checksum, str):
        raise TypeError(f"dataset_labels_sha256 is {checksum!r}")
    asked = {name: data[name] for name in _ARGUMENTS if data.get(name) is not None}
    names = None if classes is None else tuple(map(str, classes))
    return SubsetFile(asked, per_class, checksum, names, indices, path)


def _integers(values: Any, name: str) -> np.ndarray:
    array = np.array(values if values else np.zeros(0, np.int64))
    if array.ndim != 1 or array.dtype.kind != "i" or (array < 0).any():
        raise ValueError(f"{name} must be whole numbers, at least 0")
    return array.astype(np.int64)


def _listed(asked: Mapping[str, int | float]) -> str:
    return ", ".join(f"{name}={asked[name]}" for name in _ARGUMENTS if name in asked)


def _wrapped(values: Sequence) -> str:
    items = [json.dumps(value, ensure_ascii=False) for value in values]
    if values and isinstance(values[0], str):  # names may have spaces
        return ",\n".join(f"    {item}" for item in items)
    return textwrap.fill(", ".join(items), 96, initial_indent=" " * 4, subsequent_indent=" " * 4)
