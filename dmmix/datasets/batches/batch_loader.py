"""Batches as the dataset makes them: a collate function and a loader that add nothing."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from torch.utils.data import DataLoader

from dmmix.registry import FUNCTIONS


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


class BatchLoader(DataLoader):
    """:class:`torch.utils.data.DataLoader` for a dataset that makes whole batches, in this process.

    Goes through the batch sampler and asks the dataset for each batch, and that is all: for small
    batches torch's iterator takes several times as long as the batch itself. It draws from torch's
    global generator what torch's would, so training is the same with worker processes.

    Args:
        loader: what torch made; its dataset, samplers and generator are taken over.
    """

    def __init__(self, loader: DataLoader) -> None:
        if loader.batch_size is None:
            sampling: dict[str, Any] = {"batch_sampler": loader.batch_sampler}
        else:
            names = ("batch_size", "sampler", "drop_last")
            sampling = {name: getattr(loader, name) for name in names}
        super().__init__(
            loader.dataset, collate_fn=whole_batch, generator=loader.generator, **sampling
        )

    def __iter__(self) -> Any:
        # A seed for the workers that there are none of.
        torch.empty((), dtype=torch.int64).random_(generator=self.generator)
        dataset: Any = self.dataset
        batches: Any = self.batch_sampler
        return map(dataset.__getitems__, batches)
