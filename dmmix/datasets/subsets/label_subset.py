"""Few labels out of many: stratified, seeded choices."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Annotated, Any, get_type_hints

import numpy as np

from dmmix.arguments import check_argument
from dmmix.datasets.messages import empty_classes, named_class
from dmmix.datasets.subsets.subset_file import SubsetFile, read_subset_file, write_subset_file
from dmmix.functional.ranges import Count, Filled, Range
from dmmix.suggestions import suggestion


class _Share(Range):
    def __str__(self) -> str:
        return f"{super().__str__()} (15 % is 0.15)"


@dataclass(frozen=True)
class LabelSubset:
    """How many labels of each class are used, and which: ``subset = dict(...)`` of a dataset.

    Attributes:
        labels_per_class: this many samples of each class; at most the smallest class's count.
        label_fraction: this share of each class, in (0, 1]: ``fraction * count`` rounded to the
            nearest number, halves up, and never less than 1.
        seed: of the choice; 0 by default.
        file: the index file. It is made where it is absent, and then decides; where it is there,
            it must fit the data and what else is given. With ``file`` alone it must be there.
        rest: take the samples that all this leaves out, a validation part of the same data.

    Raises:
        ValueError: an argument out of range; both or neither of ``labels_per_class`` and
            ``label_fraction``.
    """

    labels_per_class: Count | None = None
    label_fraction: Annotated[float, _Share(0, 1, above=True)] | None = None
    seed: Annotated[int, Range(0)] | None = None
    file: Annotated[str | os.PathLike, Filled()] | None = None
    rest: bool = False

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            check_argument("subset", name, getattr(self, name), hint)
        count, share = self.labels_per_class, self.label_fraction
        if count is not None and share is not None:
            raise ValueError(
                f"subset: labels_per_class={count} and label_fraction={share}: only one of them, "
                "please"
            )
        if self._file_decides and self.file is None:
            raise ValueError("subset needs labels_per_class, label_fraction, or an index file")

    @property
    def asked(self) -> dict[str, Any]:
        """What is asked for, without the file; the seed where it decides."""
        asked: dict[str, Any] = {}
        for name, kind in (("labels_per_class", int), ("label_fraction", float), ("seed", int)):
            value = getattr(self, name)
            if value is not None:
                asked[name] = kind(value)
        if not self._file_decides:
            asked.setdefault("seed", 0)
        return asked

    @property
    def _file_decides(self) -> bool:
        return self.labels_per_class is None and self.label_fraction is None

    @property
    def path(self) -> str | None:
        """Of the index file, with the home folder filled in."""
        return None if self.file is None else os.path.expanduser(os.fspath(self.file))

    def counts(self, per_class: np.ndarray) -> np.ndarray:
        """How many samples are taken, out of so many of each class; 0 out of none."""
        if self.labels_per_class is not None:
            return np.where(per_class > 0, self.labels_per_class, 0)
        if self.label_fraction is None:
            raise ValueError("subset: an index file alone says which samples, not how many")
        share = Fraction(str(float(self.label_fraction)))  # 0.145 of 100 is 14.5, not 14.499...
        taken = [max(1, math.floor(share * int(n) + Fraction(1, 2))) if n else 0 for n in per_class]
        return np.array(taken, dtype=np.int64)

    def __str__(self) -> str:
        parts = [f"{name}={value}" for name, value in self.asked.items()]
        parts += [f"file={self.path}"] if self.file is not None else []
        return ", ".join([*parts, "the rest"] if self.rest else parts)


def check_subset(config: Mapping | LabelSubset) -> LabelSubset:
    """What ``subset = dict(...)`` of a dataset says; wants no data, so it can be called first.

    Raises:
        TypeError: no dict.
        ValueError: an unknown key, a value out of range, an index file that is none or was made
            for other arguments.
        FileNotFoundError: the index file alone is given, and absent.
    """
    if not isinstance(config, LabelSubset):
        if not isinstance(config, Mapping):
            raise TypeError(
                "subset must be a dict such as dict(labels_per_class=4, seed=0), got "
                f"{type(config).__name__} {config!r}"
            )
        check_keys(config)
        config = LabelSubset(**config)
    if config.path is not None:
        if os.path.exists(config.path):
            read_subset_file(config.path).check_asked(config.asked)
        elif config._file_decides:
            raise FileNotFoundError(
                f"subset.file: {config.path} does not exist; to make it, say labels_per_class or "
                "label_fraction too"
            )
    return config


def check_keys(config: Mapping, also: Sequence[str] = ()) -> None:
    """Raises ValueError for a key that is neither of :class:`LabelSubset` nor in ``also``."""
    known = [*also, *(field.name for field in fields(LabelSubset))]
    for key in config:
        if key not in known:
            hint = suggestion(str(key), known, most=1)
            raise ValueError(f"subset: unknown key {key!r}, allowed are {known}{hint}")


def subset_indices(
    labels: np.ndarray, subset: Mapping | LabelSubset, classes: Sequence[str] | None = None
) -> np.ndarray:
    """Which samples a dataset keeps: sorted indices, (n,) int64.

    Without a file they are a function of ``labels`` and ``subset``, so every rank and every run
    gets the same. With one, whichever process comes first makes it, whole or not at all, and all
    read it: it stays what it is where another version of NumPy would draw other numbers.

    Args:
        labels: (N,) integer classes of all samples, at least 0.
        subset: see :class:`LabelSubset`.
        classes: names of the classes, where they are known: then each must have samples.

    Raises:
        ValueError: as :func:`check_subset`; labels below 0; a class without samples, or with
            fewer than ``labels_per_class``; a file that was made for other data.
        FileNotFoundError: as :func:`check_subset`.
    """
    subset = check_subset(subset)
    labels = _check_labels(labels, classes)
    chosen = _chosen(labels, subset, classes)
    if not subset.rest:
        return chosen
    rest = np.setdiff1d(np.arange(len(labels)), chosen)
    if not len(rest):
        raise ValueError(f"subset ({subset}): nothing is left of {len(labels)} samples")
    return rest


def _chosen(labels: np.ndarray, subset: LabelSubset, classes: Sequence[str] | None) -> np.ndarray:
    path = subset.path
    if path is None:
        return _choose(labels, subset, classes)
    if not os.path.exists(path):
        made = SubsetFile.of(labels, _choose(labels, subset, classes), subset.asked, classes)
        write_subset_file(path, made)  # another process may have been faster; its file counts
    found = read_subset_file(path)
    found.check_asked(subset.asked)
    found.check_labels(labels)
    if found.counts_are_given:
        wanted = LabelSubset(**found.asked).counts(np.bincount(labels))
        found.check_counts(labels, wanted)
    return found.indices


def stratified_subset(labels: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Indices of ``per_class`` samples of each class, sorted.

    Args:
        labels: (N,) integer classes, at least 0.
        per_class: how many of each; at least 1 and at most the smallest class's count.
        seed: of the choice; the same seed chooses the same samples on every rank and run.

    Raises:
        ValueError: a class has fewer than ``per_class`` samples.
    """
    labels = _check_labels(labels, None)
    return _choose(labels, LabelSubset(labels_per_class=per_class, seed=seed), None)


def _choose(labels: np.ndarray, subset: LabelSubset, classes: Sequence[str] | None) -> np.ndarray:
    per_class = np.bincount(labels)
    present = np.flatnonzero(per_class)
    wanted = subset.labels_per_class
    if wanted is not None and wanted > per_class[present].min():
        least = int(present[per_class[present].argmin()])
        raise ValueError(
            f"labels_per_class={wanted}, but class {named_class(least, classes)} has only "
            f"{per_class[least]} samples"
        )
    rng, have = np.random.default_rng(subset.asked["seed"]), per_class[present]
    members = np.split(np.argsort(labels, kind="stable"), np.cumsum(have)[:-1])
    take = subset.counts(have)  # in the order of the classes
    chosen = [rng.choice(m, n, replace=False) for m, n in zip(members, take, strict=True)]
    return np.sort(np.concatenate(chosen))


def _check_labels(labels: np.ndarray, classes: Sequence[str] | None) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 1 or not len(labels) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"subset: labels must be (N,) integers, N at least 1, got {labels.shape} {labels.dtype}"
        )
    labels = labels.astype(np.int64, copy=False)
    low, high = int(labels.argmin()), int(labels.argmax())
    if labels[low] < 0:
        raise ValueError(f"subset: sample {low} has no label ({labels[low]})")
    if classes is not None:
        if labels[high] >= len(classes):
            raise ValueError(
                f"subset: sample {high} has label {labels[high]}, but there are only "
                f"{len(classes)} classes"
            )
        if empty := empty_classes(labels, len(classes), classes, "samples", most=5):
            raise ValueError(f"subset: {empty}")
    return labels
