"""The classes of head, preprocessor and data."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from dmmix.datasets.interface import LabelSource, class_names, has_labels, is_multi_label
from dmmix.engine.processes import network_of
from dmmix.models.losses import DecoupledMixupLoss

__all__ = ["check_labels", "check_num_classes", "check_targets", "head_classes"]


def head_classes(model: nn.Module) -> int | None:
    """What the head has; ``None`` for a model that is no classifier."""
    model = network_of(model)
    number = getattr(getattr(model, "head", None), "num_classes", None)
    return number if isinstance(number, int) else None


def check_num_classes(model: nn.Module, dataset: Any, where: str) -> None:
    """Head, preprocessor and data have the same number of classes.

    Args:
        model: the classifier.
        dataset: what it is trained or tested on.
        where: the dataset's place in the config, such as ``train_dataloader.dataset``.

    Raises:
        ValueError: they have not.
    """
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
    """A classifier's images have labels.

    Raises:
        ValueError: they have none.
    """
    if head_classes(model) is not None and has_labels(dataset) is False:
        raise ValueError(
            f"{where} ({type(dataset).__name__}) has no labels, which training and validation "
            "need: with_label=True reads them from the folders, and images without labels are for "
            "dmmix test --out, or the unlabelled stream of a SemiDataset"
        )


def check_targets(model: nn.Module, dataset: Any, where: str) -> None:
    """A loss of shares that sum to 1 gets no multi-label targets.

    Raises:
        ValueError: it would.
    """
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
