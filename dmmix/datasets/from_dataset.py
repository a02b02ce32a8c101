"""What datasets have in common that take their samples from another one."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
from mmpretrain.datasets import BaseDataset
from torch.utils.data import Dataset

from dmmix.arguments import Checked
from dmmix.datasets.unwrapped import WRAPPERS
from dmmix.registry import DATASETS

__all__ = ["FromDataset", "build_lazily", "renumbered"]


class FromDataset(Checked, Dataset):
    """Takes the samples of a dataset, whose meta information it keeps and whose pipeline it lacks.

    Args:
        source: the dataset; need not be loaded yet.

    Raises:
        TypeError: it is a wrapper of data sets.
        ValueError: it has a pipeline.
    """

    def __init__(self, source: BaseDataset) -> None:
        if isinstance(source, WRAPPERS):
            raise TypeError(wrapped_message(type(self).__name__, type(source)))
        _refuse_pipeline(source, type(self).__name__)
        self._source: BaseDataset | None = source
        self._text = type(source).__name__
        self._keep_metainfo(source)

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


def renumbered(labels: np.ndarray, own: Sequence[str], names: Sequence[str]) -> np.ndarray:
    """Labels (N,) of the classes ``own`` as numbers in ``names``; those below 0 stay."""
    place = {str(name): number for number, name in enumerate(names)}
    number = np.array([place[str(name)] for name in own], dtype=np.int64)
    return np.where(labels < 0, labels, number[np.maximum(labels, 0)])


def build_lazily(config: Mapping, name: str) -> BaseDataset:
    """The data set of a config, not loaded yet, for the class called ``name``.

    Raises:
        TypeError: it is a wrapper of data sets.
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
