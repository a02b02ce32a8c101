"""Losses of :mod:`dmmix.functional`, registered for configs; whether others take mixed labels."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from dmmix.functional import (
    DecoupledMixupBCELoss,
    DecoupledMixupLoss,
    MixupCrossEntropyLoss,
    MixupLoss,
)
from dmmix.registry import MODELS

__all__ = [
    "DecoupledMixupBCELoss",
    "DecoupledMixupLoss",
    "MixupCrossEntropyLoss",
    "MixupLoss",
    "check_takes_soft_labels",
]

MODELS.register_module(module=DecoupledMixupLoss)
MODELS.register_module(module=MixupCrossEntropyLoss)
MODELS.register_module(module=DecoupledMixupBCELoss)


def check_takes_soft_labels(head: Any, mix: object) -> None:
    """Calls a copy of the head's loss on two rows, once with classes and once with soft labels.

    A head without ``loss_module`` and ``num_classes`` is not looked at; ``mix`` is for the message.

    Raises:
        ValueError: the loss takes integer labels and no soft ones.
    """
    loss, num_classes = getattr(head, "loss_module", None), getattr(head, "num_classes", None)
    if not isinstance(loss, nn.Module) or isinstance(loss, MixupLoss):
        return
    if not isinstance(num_classes, int) or num_classes < 2:
        return
    logits = torch.linspace(-1, 1, 2 * num_classes).view(2, num_classes)
    if _takes(loss, logits, torch.tensor([0, 1])) is not None:
        return  # it is called in a way that is not known here
    soft = torch.zeros(2, num_classes)
    soft[:, 0], soft[:, 1] = 0.7, 0.3
    error = _takes(loss, logits, soft)
    if error is not None:
        why = str(error) or type(error).__name__
        raise ValueError(
            f"{type(loss).__name__} takes integer labels, and {type(mix).__name__} makes mixed "
            f"ones, which it does not know ({why}): use loss=dict(type='MixupCrossEntropyLoss') or "
            "'DecoupledMixupLoss', or mixup=None"
        ) from error


def _takes(loss: nn.Module, logits: Tensor, labels: Tensor) -> Exception | None:
    """The error that the loss raises; a copy is called, for it may remember what it has seen."""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            deepcopy(loss)(logits, labels, avg_factor=len(logits))
    except Exception as error:
        return error
    return None
