"""The part of a data set's config that reads image files."""

from __future__ import annotations

from typing import Any

_FILES = ("DecodedFolder", "DecodedImages")


def file_dataset(dataset: Any) -> Any:
    """The config of the data set of files inside of what wraps it; ``None`` if there is none."""
    while isinstance(dataset, dict):
        if str(dataset.get("type")).rpartition(".")[2] in _FILES:
            return dataset
        dataset = dataset.get("dataset")
    return None
