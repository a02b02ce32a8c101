"""What datasets have in common that take their samples from another one."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmpretrain.datasets import BaseDataset
from torch.utils.data import Dataset

from dmmix.arguments import Checked
from dmmix.datasets.sources.unwrapped import WRAPPERS
from dmmix.datasets.subsets.label_subset import LabelSubset
from dmmix.registry import DATASETS


class FromDataset(Checked, Dataset):
    """Takes the samples of a dataset, whose meta information it keeps and whose pipeline it lacks.

    Raises:
        TypeError: it is a wrapper of data sets.
        ValueError: it has a pipeline.
    """

    def __init__(self, source: BaseDataset, subset: LabelSubset | None, lazy_init: bool) -> None:
        if isinstance(source, WRAPPERS):
            raise TypeError(wrapped_message(type(self).__name__, type(source)))
        _refuse_pipeline(source, type(self).__name__)
        self.subset = subset
        self._source: BaseDataset | None = source
        self._text = type(source).__name__
        self._keep_metainfo(source)
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Loads the data; once. The dataset that it came from is let go."""
        if not self._fully_initialized:
            self._load(self._source)
            self._source = None
            self._fully_initialized = True

    @abstractmethod
    def _load(self, source: Any) -> None:
        """Takes what it needs from the dataset."""

    @abstractmethod
    def __len__(self) -> int:
        """How many samples there are."""

    @abstractmethod
    def _all_labels(self) -> np.ndarray:
        """Labels of all samples that are held."""

    @abstractmethod
    def _set_labels(self, labels: np.ndarray, num_classes: int) -> None:
        """Others in their place, of so many classes."""

    def renumber_classes(self, names: Sequence[str]) -> None:
        """Gives each class the number of its name in ``names``, whose classes it has from now on.

        Raises:
            KeyError: a class is not among them.
        """
        self.full_init()
        own = () if self.CLASSES is None else self.CLASSES
        self._set_labels(renumbered(self._all_labels(), own, names), len(names))
        self._metainfo["classes"] = tuple(names)

    def _keep_metainfo(self, source: BaseDataset) -> None:
        self._metainfo = copy.deepcopy(source.metainfo)

    @property
    def metainfo(self) -> dict:
        """A copy of the dataset's meta information, with ``classes``."""
        return copy.deepcopy(self._metainfo)

    @property
    def CLASSES(self) -> Sequence[str] | None:
        """Names of the classes."""
        return self._metainfo.get("classes")

    def __repr__(self) -> str:
        lines = [f"Dataset {type(self).__name__}"]
        if self._fully_initialized:
            lines.append(f"Number of samples: \t{len(self)}")
        else:
            lines.append("Haven't been initialized")
        if self.CLASSES is not None:
            lines.append(f"Number of categories: \t{len(self.CLASSES)}")
        if self.subset is not None:
            lines.append(f"Subset: \t{self.subset}")
        return "\n    ".join([*lines, *self._describe(), f"Made from: \t{self._text}"])

    def _describe(self) -> list[str]:
        """What else there is to tell, in lines."""
        return []


def renumbered(labels: np.ndarray, own: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Labels (N,) of the classes ``own`` as numbers in ``names``; those below 0 stay.

    Columns of multi-label targets (N, C) move to their new places.
    """
    place = {str(name): number for number, name in enumerate(names)}
    number = np.array([place[str(name)] for name in own], dtype=np.int64)
    if labels.ndim == 2:
        moved = np.zeros((len(labels), len(names)), dtype=labels.dtype)
        moved[:, number] = labels
        return moved
    if not len(number):
        return labels
    return np.where(labels < 0, labels, number[np.maximum(labels, 0)])


def build_lazily(config: Mapping, name: str) -> BaseDataset:
    """The data set of a config, not loaded yet, for the class called ``name``.

    Raises TypeError for a wrapper of data sets.
    """
    kind = config.get("type")
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    if isinstance(kind, type) and issubclass(kind, WRAPPERS):
        raise TypeError(wrapped_message(name, kind))
    return DATASETS.build({"_scope_": "dmmix", **config, "lazy_init": True})


def wrapped_message(name: str, wrapper: type) -> str:
    """That wrappers go outside."""
    return (
        f"{name} takes its samples from one data set and {wrapper.__name__} wraps others: write "
        f"dict(type={wrapper.__name__!r}, dataset=dict(type={name!r}, ...))"
    )


def _refuse_pipeline(source: BaseDataset, name: str) -> None:
    pipeline = getattr(getattr(source, "pipeline", None), "transforms", None)
    if pipeline:
        names = [type(transform).__name__ for transform in pipeline]
        raise ValueError(
            f"{name} runs no pipeline, dataset has {names}: put what augments into "
            "data_preprocessor.batch_transforms and leave the pipeline out"
        )
