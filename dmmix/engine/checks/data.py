"""The batches of an epoch; the classes of head, preprocessor and data."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from dmmix.datasets.interface import LabelSource, class_names, has_labels, is_multi_label
from dmmix.engine.processes import network_of
from dmmix.models.losses import DecoupledMixupLoss


def check_batches(loader: DataLoader, where: str, model: nn.Module | None = None) -> None:
    """There is a batch, and for training no last one of a single image under BatchNorm, or a
    ValueError; ``where`` is the loader's place in the config, ``model`` the one that is trained."""
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


def head_classes(model: nn.Module) -> int | None:
    """What the head has; ``None`` for a model that is no classifier."""
    model = network_of(model)
    number = getattr(getattr(model, "head", None), "num_classes", None)
    return number if isinstance(number, int) else None


def check_num_classes(model: nn.Module, dataset: Any, where: str) -> None:
    """Head, preprocessor and data have the same number of classes, or a ValueError; ``where`` is
    the dataset's place in the config."""
    head = head_classes(model)
    if head is None:
        return
    found, exact = _count(dataset)
    if found is not None and (found != head if exact else found > head):
        more = f"{found} classes" if exact else f"labels up to {found - 1}"
        raise ValueError(
            f"{where} ({type(dataset).__name__}) has {more}, but model.head.num_classes={head}: "
            f"take model.head.num_classes={found}, or data of {head} classes"
        )
    model = network_of(model)
    preprocessor = getattr(getattr(model, "data_preprocessor", None), "num_classes", None)
    if preprocessor not in (None, head):
        raise ValueError(
            f"data_preprocessor.num_classes={preprocessor}, but model.head.num_classes={head}: "
            "both must be the number of classes of the data"
        )


def check_labels(model: nn.Module, dataset: Any, where: str) -> None:
    """A classifier's images have labels, or a ValueError."""
    if head_classes(model) is not None and has_labels(dataset) is False:
        raise ValueError(
            f"{where} ({type(dataset).__name__}) has no labels, which training and validation "
            "need: with_label=True reads them from the folders, and images without labels are for "
            "dmmix test --out, or the unlabelled stream of a SemiDataset"
        )


def check_targets(model: nn.Module, dataset: Any, where: str) -> None:
    """A loss of shares that sum to 1 gets no multi-label targets, or a ValueError."""
    model = network_of(model)
    loss = getattr(getattr(model, "head", None), "loss_module", None)
    if isinstance(loss, DecoupledMixupLoss) and is_multi_label(dataset):
        raise ValueError(
            f"{where} ({type(dataset).__name__}) is multi-label, and {type(loss).__name__} is for "
            "shares that sum to 1: take model.head.loss=dict(type='DecoupledMixupBCELoss')"
        )


def _count(dataset: Any) -> tuple[int | None, bool]:
    """How many classes there are, and whether that is known or just the least there can be."""
    names = class_names(dataset)
    if names is not None:
        return len(names), True
    number = getattr(dataset, "num_classes", None)
    if isinstance(number, int):
        return number, True
    if isinstance(dataset, LabelSource) and has_labels(dataset) and not is_multi_label(dataset):
        labels = np.asarray(dataset.get_gt_labels())
        if labels.ndim == 1 and labels.dtype.kind in "iu" and len(labels):
            return int(labels.max()) + 1, False
    return None, False
