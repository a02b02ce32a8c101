"""What datasets have in common that take their samples from another one."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from mmpretrain.datasets import BaseDataset
from torch.utils.data import Dataset

__all__ = ["FromDataset"]


class FromDataset(Dataset):
    """Takes the samples of a dataset, whose meta information it keeps and whose pipeline it lacks.

    Args:
        source: the dataset; need not be loaded yet.

    Raises:
        ValueError: it has a pipeline.
    """

    def __init__(self, source: BaseDataset) -> None:
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


def _refuse_pipeline(source: BaseDataset, name: str) -> None:
    pipeline = getattr(getattr(source, "pipeline", None), "transforms", None)
    if pipeline:
        names = [type(transform).__name__ for transform in pipeline]
        raise ValueError(
            f"{name} runs no pipeline, dataset has {names}: put what augments into "
            "data_preprocessor.batch_transforms and leave the pipeline out"
        )
