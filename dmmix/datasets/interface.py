"""What data sets, loaders and samplers of dmmix know of each other, and where it is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch.utils.data import Dataset

_MANY = 1000
_SUM = 1e-2  # that soft labels may be off


@runtime_checkable
class EpochSource(Protocol):
    """Draws what is random in a sample from (seed, epoch, index)."""

    def set_epoch(self, epoch: int) -> None:
        """Which epoch it is; called before the loader is iterated.

        Kept in memory that workers share, so that those that live on hear of it too.
        """


@runtime_checkable
class RepeatSource(EpochSource, Protocol):
    """Index ``i + k * len(self)`` is sample ``i`` with the ``k``-th random crop of its own."""

    repeats: bool

    def get_subset(self, indices: Sequence[int]) -> RepeatSource:
        """Some of the samples; they crop as in the whole, and share its epoch."""

    def in_the_middle(self) -> RepeatSource:
        """The same samples as for evaluation: nothing random."""


@runtime_checkable
class BatchSource(Protocol):
    """Makes whole batches: the loader hands on what ``__getitems__`` gives (``whole_batch``)."""

    batched: bool

    def __getitems__(self, indices: Sequence[int]) -> Mapping:
        """A batch, such as ``inputs`` (B, ch, H, W) and ``labels`` (B,)."""


@runtime_checkable
class LabelSource(Protocol):
    """Knows its labels without its images: what subsets go by."""

    def get_gt_labels(self) -> np.ndarray:
        """Labels of all samples, (N,); -1 for one that has none."""


@runtime_checkable
class ClassSource(Protocol):
    """Knows its classes: what balanced sampling and checkpoints go by."""

    @property
    def metainfo(self) -> dict:
        """With ``classes``, the names of the classes, where they are known."""

    def get_cat_ids(self, idx: int) -> list[int]:
        """The classes of a sample."""


@runtime_checkable
class RenumberedSource(Protocol):
    """Can take its classes' numbers from other data that has classes of the same names."""

    def renumber_classes(self, names: Sequence[str]) -> None:
        """Each class has the number of its name in ``names`` from now on."""


@runtime_checkable
class ArraySource(Protocol):
    """Gives all its images as one array; what :class:`~dmmix.datasets.InMemory` prefers."""

    def arrays(self) -> tuple[Any, np.ndarray]:
        """Images (N, H, W, ch) uint8 and labels (N,)."""

    def chosen(self, choose: Callable[[np.ndarray], np.ndarray]) -> ArraySource:
        """Only the samples whose numbers ``choose(labels)`` gives.

        Has ``rows``, their numbers, afterwards, where others take the places of corrupt ones.
        """


@runtime_checkable
class TwoStreams(Protocol):
    """A labelled and an unlabelled stream (:class:`~dmmix.datasets.SemiDataset`)."""

    #: Sizes of the two streams.
    stream_sizes: tuple[int, int]


def parts(dataset: Any) -> list[Any]:
    """The data sets that one is made of and wraps, directly; none for one that wraps nothing.

    A wrapper is whatever has data sets among its attributes, singly or in a list: mmengine's,
    mmpretrain's and torch's, and those that others write.
    """
    found: list[Any] = []
    for value in getattr(dataset, "__dict__", {}).values():
        # A list of a million samples has no data set among them.
        found += value[:_MANY] if type(value) in (list, tuple) else [value]
    return [value for value in found if _is_dataset(value)]


def set_epoch(dataset: Any, epoch: int) -> bool:
    """Tells a data set the epoch, or those that it wraps, however deep; whether there was one.

    One that has a ``set_epoch`` of its own sees to what is inside it.
    """
    found = epoch_sources(dataset)
    for source in found:
        source.set_epoch(epoch)
    return bool(found)


def epoch_sources(dataset: Any) -> list[EpochSource]:
    """Those that :func:`set_epoch` tells, each once."""
    return _outermost(dataset, lambda part: hasattr(part, "set_epoch"))


def makes_batches(dataset: Any) -> bool:
    """Whether it is a :class:`BatchSource`."""
    return bool(getattr(dataset, "batched", False))


def wraps_batches(dataset: Any) -> bool:
    """Whether it makes samples one by one, of a :class:`BatchSource` that it wraps."""
    return not makes_batches(dataset) and bool(_outermost(dataset, makes_batches))


def makes_repeats(dataset: Any) -> bool:
    """Whether an index beyond the length is a crop of its own: a :class:`RepeatSource`.

    Raises ValueError where a wrapper hides it: copies of an image would all be alike.
    """
    if getattr(dataset, "repeats", False):
        return True
    hidden = _outermost(dataset, lambda part: getattr(part, "repeats", False))
    if hidden:
        wrapper, inner = type(dataset).__name__, type(hidden[0]).__name__
        raise ValueError(
            f"{wrapper} hides that {inner} crops each copy of an image anew, and all copies would "
            f"be alike: take dmmix.datasets.unwrap(dataset), as DmmixRunner does, or {inner} as it "
            "is"
        )
    return False


def class_names(dataset: Any) -> tuple[str, ...] | None:
    """Names of the classes; ``None`` where they are not known.

    Those of the data sets inside, if a wrapper has none of its own and they agree.
    """
    metainfo = getattr(dataset, "metainfo", None)
    names = metainfo.get("classes") if isinstance(metainfo, Mapping) else None
    if names is not None:
        return tuple(str(name) for name in names)
    inside = {class_names(part) for part in parts(dataset)}
    return inside.pop() if len(inside) == 1 else None


def has_labels(dataset: Any) -> bool | None:
    """Whether its samples have labels, by the first one; ``None`` where that cannot be told."""
    if isinstance(dataset, TwoStreams) or not len(dataset):
        return None
    if hasattr(dataset, "get_data_info") and "gt_score" in dataset.get_data_info(0):
        return True
    if isinstance(dataset, ClassSource):
        try:
            return all(number >= 0 for number in dataset.get_cat_ids(0))
        except KeyError:
            return False
    inside = {has_labels(part) for part in parts(dataset)}
    return inside.pop() if len(inside) == 1 else None


def is_multi_label(dataset: Any) -> bool:
    """Whether a sample has a list of classes, or scores that do not sum to 1; by the first one."""
    if isinstance(dataset, TwoStreams) or not len(dataset):
        return False
    if hasattr(dataset, "get_data_info"):
        info = dataset.get_data_info(0)
        if "gt_score" in info:
            return abs(float(np.sum(np.asarray(info["gt_score"]))) - 1) > _SUM
        return bool(np.ndim(info.get("gt_label", 0)))
    return any(is_multi_label(part) for part in parts(dataset))


def _outermost(dataset: Any, wanted: Callable[[Any], bool]) -> list[Any]:
    found, left, seen = [], [dataset], set()
    while left:
        part = left.pop(0)
        if id(part) in seen:
            continue
        seen.add(id(part))
        if wanted(part):
            found.append(part)
        else:
            left[:0] = parts(part)
    return found


def _is_dataset(value: Any) -> bool:
    if isinstance(value, type):
        return False
    # mmengine's RepeatDataset and ClassBalancedDataset are not torch's Dataset.
    return isinstance(value, Dataset) or (
        hasattr(value, "get_data_info") and hasattr(value, "__len__")
    )
