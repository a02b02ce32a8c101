"""What mmpretrain's own tools need in the config that a run writes."""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any

from dmmix.configuration.file_dataset import file_dataset
from dmmix.datasets.images.middle_crop import inferencer_pipeline

_NEEDED = "dmmix.registry"


def add_inferencer_pipeline(cfg: MutableMapping[str, Any]) -> None:
    """Puts into a config whose test data are files how these are cropped, and what has to be
    imported, for ``ImageClassificationInferencer`` and ``get_model``.

    Where the data set is wrapped, or its options are wrong, which it says itself, nothing is done.
    """
    dataset = (cfg.get("test_dataloader") or {}).get("dataset")
    if dataset is None or file_dataset(dataset) is not dataset:
        return
    with suppress(TypeError, ValueError):
        dataset["pipeline"] = inferencer_pipeline(dataset)
        custom = cfg.get("custom_imports") or {}
        imports = custom.get("imports") or []
        imports = [imports] if isinstance(imports, str) else list(imports)
        if _NEEDED not in imports:
            cfg["custom_imports"] = {**custom, "imports": [*imports, _NEEDED]}
