"""The batches of an epoch."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

__all__ = ["check_batches"]


def check_batches(loader: DataLoader, where: str, model: nn.Module | None = None) -> None:
    """There is a batch, and for training no last one of a single image under BatchNorm.

    Args:
        loader: of the data.
        where: its place in the config, such as ``train_dataloader``.
        model: that is trained on them; ``None`` for evaluation.

    Raises:
        ValueError: there is none, or such a one.
    """
    if not isinstance(loader, DataLoader) or loader.batch_size is None:
        return  # a batch sampler has its own rules
    sampler: Any = loader.sampler
    try:
        images, batches = len(sampler), len(loader)
    except TypeError:
        return  # a sampler without an end
    if not batches:
        why = "there are none" if not images else "drop_last=True leaves out the only batch"
        raise ValueError(
            f"{where} has no batch in an epoch: {images} images for batch_size={loader.batch_size}"
            f", {why}; take a smaller batch_size, drop_last=False or more images"
        )
    if model is None or loader.drop_last or not _has_batch_norm(model):
        return
    last = images - (batches - 1) * loader.batch_size
    if last == 1:
        raise ValueError(
            f"{where}: the last batch of an epoch has one image ({images} images, "
            f"batch_size={loader.batch_size}), of which BatchNorm can take no statistics: say "
            "drop_last=True, or take another batch_size"
        )


def _has_batch_norm(model: nn.Module) -> bool:
    # Synchronised ones take theirs over all processes.
    return any(
        isinstance(module, _BatchNorm) and not isinstance(module, nn.SyncBatchNorm)
        for module in model.modules()
    )
