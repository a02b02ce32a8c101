"""What the losses share: weights of samples, reduction, and their form as modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dmmix.functional.labels import MixedLabels
from dmmix.functional.losses.checks import Reduction, check_reduction


def reduce_loss(
    loss: Tensor,
    sample_weight: Tensor | None = None,
    reduction: Reduction = "mean",
    avg_factor: float | Tensor | None = None,
) -> Tensor:
    """Weights (N,) losses and reduces them; see
    :func:`~dmmix.functional.decoupled_mixup_cross_entropy`."""
    check_reduction(reduction)
    if avg_factor is not None and reduction != "mean":
        raise ValueError(f"avg_factor goes with reduction='mean', got reduction={reduction!r}")
    if sample_weight is not None:
        if sample_weight.shape != loss.shape:
            raise ValueError(
                f"sample_weight must be {tuple(loss.shape)}, got {tuple(sample_weight.shape)}"
            )
        loss = loss * sample_weight.to(loss.dtype)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    if avg_factor is None or (isinstance(avg_factor, int) and avg_factor == len(loss) > 0):
        return loss.mean()
    return loss.sum() / avg_factor


class MixupLoss(nn.Module):
    """What the losses share: weights, reduction, and how torch and mmpretrain call a loss.

    A subclass gives :meth:`parts`, the named summands of the loss.

    Args:
        class_weight: C weights, for the subclass to use.
        reduction, loss_weight, k: as in :class:`DecoupledMixupLoss`.

    Raises:
        ValueError: another ``reduction``, or ``k`` below 1.
    """

    class_weight: Tensor | None

    def __init__(
        self,
        class_weight: Sequence[float] | None = None,
        reduction: Reduction = "mean",
        loss_weight: float = 1.0,
        k: int = 2,
    ) -> None:
        super().__init__()
        check_reduction(reduction)
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        weight = None if class_weight is None else torch.as_tensor(class_weight).float()
        self.register_buffer("class_weight", weight, persistent=False)
        self.reduction: Reduction = reduction
        self.loss_weight = loss_weight
        self.k = k

    def parts(
        self, logits: Tensor, labels: MixedLabels | Tensor, **weights: Any
    ) -> dict[str, Tensor]:
        """The summands of the loss by name, each reduced with the ``weights``: what
        :meth:`reduce` takes by keyword."""
        raise NotImplementedError

    def forward(
        self,
        logits: Tensor,
        labels: MixedLabels | Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction_override: Reduction | None = None,
    ) -> Tensor:
        """The loss.

        Args:
            logits: (N, C).
            labels: :class:`~dmmix.functional.MixedLabels`, (N,) integers or (N, C) soft labels.
            weight: (N,) weights of the samples.
            avg_factor: divides the sum instead of N.
            reduction_override: used instead of ``reduction``.
        """
        parts = self.parts(
            logits, labels, weight=weight, avg_factor=avg_factor, reduction=reduction_override
        )
        return sum(parts.values())  # type: ignore[return-value]  # there are some

    def reduce(
        self,
        loss: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction: Reduction | None = None,
    ) -> Tensor:
        """(N,) losses, weighted and reduced, times ``loss_weight``; see :meth:`forward`."""
        reduction = reduction or self.reduction
        if reduction != "mean":
            avg_factor = None  # mmpretrain's heads always pass one
        loss = reduce_loss(loss, weight, reduction, avg_factor)
        return loss if self.loss_weight == 1 else self.loss_weight * loss
