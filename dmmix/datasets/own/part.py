"""One part of a data set of one's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dmmix.datasets.sources.from_dataset import renumbered

#: What a part may be called, in lower case; the first is its name here.
NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
    "unlabelled": ("unlabelled", "unlabeled", "no_label", "nolabel"),
}


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the images.

    Attributes:
        where: the folder or file that says which they are.
        classes: their names in order; empty for images without labels.
        files: paths of all images.
        labels: (N,) classes of the images, -1 without labels; or, where an image may have several,
            (N, C) with a 1 for each of its classes.
        passed_over: what else is there, in a line; ``None`` for nothing.
    """

    where: str
    classes: tuple[str, ...]
    files: tuple[str, ...]
    labels: np.ndarray
    passed_over: str | None = None

    @property
    def images(self) -> int:
        """How many there are."""
        return len(self.files)

    @property
    def multi_label(self) -> bool:
        """Whether an image may have several classes, or none."""
        return self.labels.ndim == 2

    @property
    def counts(self) -> tuple[int, ...]:
        """How many images each class has; without labels one number, of all."""
        if not self.classes:
            return (self.images,)
        if self.multi_label:
            return tuple(self.labels.sum(axis=0).tolist())
        return tuple(np.bincount(self.labels, minlength=len(self.classes)).tolist())

    def renumbered(self, classes: Sequence[str]) -> Part:
        """With the numbers that ``classes``, some of which are its own, have there."""
        labels = renumbered(self.labels, self.classes, classes)
        return replace(self, classes=tuple(classes) if self.classes else (), labels=labels)

    def as_multi_label(self) -> Part:
        """The same, where an image may have several classes."""
        if self.multi_label or not self.classes:
            return self
        return replace(self, labels=np.eye(len(self.classes), dtype=np.int64)[self.labels])


def alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Those of the names that differ in case, spaces or underscores alone."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(re.sub(r"[\s_]+", " ", name).casefold(), []).append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names of classes, each once, sorted: numbers by their value, others as text."""
    once = set(names)
    numbers = all(name.isdecimal() for name in once)
    return tuple(sorted(once, key=lambda name: (int(name), name) if numbers else (0, name)))
