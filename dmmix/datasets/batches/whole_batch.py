"""The collate function of datasets that make whole batches."""

from __future__ import annotations

from typing import Any

from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS

from dmmix.registry import FUNCTIONS

__all__ = ["whole_batch"]


# mmengine looks collate functions up in its root registry, whatever the default scope is.
@MMENGINE_FUNCTIONS.register_module()
@FUNCTIONS.register_module()
def whole_batch(batch: Any) -> Any:
    """The batch as the dataset made it (``dataset.batched``).

    Config: ``train_dataloader = dict(collate_fn=dict(type='whole_batch'), ...)``.

    Raises:
        TypeError: a list of samples, from a dataset that makes them one by one.
    """
    if isinstance(batch, list):
        raise TypeError(
            "whole_batch is for datasets that make whole batches, such as InMemory, got a list of "
            f"{len(batch)} samples: take collate_fn=dict(type='default_collate')"
        )
    return batch
