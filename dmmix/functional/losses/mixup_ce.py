"""Mixup cross entropy: DM(CE) without its decoupled term."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from dmmix.functional.labels import MixedLabels
from dmmix.functional.losses.base import reduce_loss
from dmmix.functional.losses.checks import Reduction
from dmmix.functional.losses.dm_ce import DecoupledMixupLoss
from dmmix.functional.losses.kernels import Backend
from dmmix.functional.losses.terms import decoupled_mixup_terms


def mixup_cross_entropy(
    logits: Tensor,
    labels: MixedLabels | Tensor,
    *,
    label_smoothing: float = 0.0,
    class_weight: Tensor | None = None,
    sample_weight: Tensor | None = None,
    reduction: Reduction = "mean",
    avg_factor: float | Tensor | None = None,
    k: int = 2,
    backend: Backend = "auto",
) -> Tensor:
    r"""Mixup cross entropy, :math:`L_\mathrm{MCE} = -\sum_k \lambda_k \log p_k`.

    Equal to :func:`torch.nn.functional.cross_entropy` with the dense soft labels (also with
    ``label_smoothing`` and ``class_weight``), without making them. Arguments and errors as in
    :func:`decoupled_mixup_cross_entropy`.

    Source: mixup (arXiv 1710.09412).
    """
    terms = decoupled_mixup_terms(
        logits,
        labels,
        label_smoothing=label_smoothing,
        class_weight=class_weight,
        k=k,
        backend=backend,
    )
    return reduce_loss(terms.mixup, sample_weight, reduction, avg_factor)


class MixupCrossEntropyLoss(DecoupledMixupLoss):
    r"""Mixup cross entropy, :math:`-\sum_k \lambda_k \log p_k`: DM(CE) with ``eta = 0``.

    Example:
        ``loss=dict(type='dmmix.MixupCrossEntropyLoss', label_smoothing=0.1)``
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        class_weight: Sequence[float] | None = None,
        reduction: Reduction = "mean",
        loss_weight: float = 1.0,
        k: int = 2,
    ) -> None:
        super().__init__(
            eta=0.0,
            label_smoothing=label_smoothing,
            class_weight=class_weight,
            reduction=reduction,
            loss_weight=loss_weight,
            k=k,
        )
