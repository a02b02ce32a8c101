"""What the losses ask of their arguments, as functions and as modules.

Each raises a ValueError that names the argument, its value and what is allowed.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dmmix.functional.labels import MixedLabels, as_mixed_labels
from dmmix.functional.losses.slots import Decouple
from dmmix.functional.shares import check_rescaling
from dmmix.functional.tensors.checks import check_rows

OverClasses = Literal["sum", "mean"]
Reduction = Literal["none", "mean", "sum"]


def check_settings(
    decouple: Decouple | Tensor,
    rescale: tuple[float, float] | None,
    min_share: float,
    label_smoothing: float,
) -> None:
    """What DM(CE) is set to; for a mask see :func:`check_mask`."""
    if not isinstance(decouple, Tensor) and decouple not in ("all", "more", "less"):
        raise ValueError(
            f"decouple must be 'all', 'more', 'less' or an (N, K) bool mask, got {decouple!r}"
        )
    if rescale is not None:
        check_rescaling(*rescale)
    if not 0 <= min_share < 0.5:
        raise ValueError(f"min_share must be in [0, 0.5), got {min_share}")
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must be in [0, 1), got {label_smoothing}")


def check_mask(mask: Tensor, mixed: MixedLabels, labels: MixedLabels | Tensor) -> None:
    """One bool for each slot of the labels, which have slots."""
    if mixed is not labels:
        raise ValueError(
            "decouple as a mask names slots of MixedLabels; soft or plain labels have no order of "
            "their classes that it could follow"
        )
    if mask.shape != mixed.classes.shape or mask.dtype != torch.bool:
        raise ValueError(
            f"decouple must be a bool mask {tuple(mixed.classes.shape)} like the classes, "
            f"got {mask.dtype} {tuple(mask.shape)}"
        )


def check_eta(eta: float | Tensor, logits: Tensor | None = None) -> None:
    """A number of 0 or more or, for given logits, one for each of their rows."""
    if isinstance(eta, Tensor) and logits is not None:
        if eta.shape not in (torch.Size([]), logits.shape[:1]):
            raise ValueError(
                f"eta must be a number or ({logits.shape[0]},), got {tuple(eta.shape)}"
            )
    elif not eta >= 0:
        raise ValueError(f"eta must be 0 or more, got {eta}")


def check_reduction(reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', got {reduction!r}")


def check_over_classes(over_classes: str) -> None:
    if over_classes not in ("sum", "mean"):
        raise ValueError(f"over_classes must be 'sum' or 'mean', got {over_classes!r}")


def check_class_weight(class_weight: Tensor | None, logits: Tensor) -> None:
    if class_weight is not None and class_weight.shape != logits.shape[1:]:
        raise ValueError(
            f"class_weight must be ({logits.shape[1]},), got {tuple(class_weight.shape)}"
        )


def check_soft_labels(labels: Tensor, logits: Tensor) -> None:
    if labels.shape != logits.shape:
        raise ValueError(
            f"soft labels must be (N, C) = {tuple(logits.shape)} like the logits, "
            f"got {tuple(labels.shape)}"
        )


def checked_labels(logits: Tensor, labels: MixedLabels | Tensor, k: int) -> MixedLabels:
    """The labels as :class:`MixedLabels`, one for each row of the logits."""
    check_rows("logits", logits)
    if isinstance(labels, Tensor) and labels.is_floating_point():
        check_soft_labels(labels, logits)
    mixed = as_mixed_labels(labels, k)
    if len(mixed) != logits.shape[0]:
        raise ValueError(f"{logits.shape[0]} rows of logits, but {len(mixed)} labels")
    return mixed


def check_classes(classes: Tensor, num_classes: int) -> None:
    """Looks at the values, unlike the others: to be asked where something failed already."""
    if classes.numel() == 0:
        return
    lowest, highest = (int(v) for v in classes.aminmax())
    if lowest < 0 or highest >= num_classes:
        bad = lowest if lowest < 0 else highest
        raise ValueError(f"classes must be in [0, {num_classes}) like the logits, got {bad}")
