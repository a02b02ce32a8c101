"""DM(BCE), a sigmoid per class against rescaled shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dmmix.functional.labels import MixedLabels
from dmmix.functional.losses.base import MixupLoss, reduce_loss
from dmmix.functional.losses.checks import (
    OverClasses,
    Reduction,
    check_class_weight,
    check_classes,
    check_over_classes,
    check_soft_labels,
    checked_labels,
)
from dmmix.functional.losses.slots import merged_shares
from dmmix.functional.shares import check_rescaling, rescale_share
from dmmix.functional.tensors.checks import check_rows
from dmmix.functional.tensors.dtypes import at_least_float32


def decoupled_mixup_bce(
    logits: Tensor,
    labels: MixedLabels | Tensor,
    t: float = 1.0,
    xi: float = 0.8,
    *,
    class_weight: Tensor | None = None,
    sample_weight: Tensor | None = None,
    over_classes: OverClasses = "mean",
    reduction: Reduction = "mean",
    avg_factor: float | Tensor | None = None,
) -> Tensor:
    r"""DM(BCE): a sigmoid per class against rescaled shares.

    .. math::
        L = \sum_c \mathrm{BCE}(\sigma(z_c), y_c), \qquad
        y = \sum_k r(\lambda_k; t, \xi) \, \mathbf{1}_k

    with :func:`rescale_share` :math:`r`. ``t=0`` is two-hot, ``t=1, xi=1`` plain mixed BCE. The
    shares of a class that stands in several slots are added before they are rescaled: a target
    never exceeds 1. Label smoothing in the labels is kept: ``(1 - s) y + s / C``.

    Args:
        logits: (N, C).
        labels: as in :func:`decoupled_mixup_terms`; (N, C) soft labels are rescaled entry by
            entry, so rows may be multi-label targets (values in [0, 1], any sum) and mix any
            number of classes.
        t, xi: see :func:`rescale_share`. The paper: 1 and 0.8 for cutting mixes, 0.5 and 1 for
            interpolating ones.
        class_weight: (C,) weights of the classes.
        over_classes: ``'mean'`` divides the sum over classes by C, ``'sum'`` does not.
        sample_weight, reduction, avg_factor: see :func:`decoupled_mixup_cross_entropy`.

    Source: Decoupled Mixup (arXiv 2203.10761).
    """
    check_rows("logits", logits)
    check_rescaling(t, xi)
    check_over_classes(over_classes)
    check_class_weight(class_weight, logits)
    z = at_least_float32(logits)
    target = _bce_target(z, labels, t, xi)
    loss = F.binary_cross_entropy_with_logits(z, target, reduction="none")
    if class_weight is not None:
        loss = loss * class_weight.to(z.dtype)
    loss = loss.sum(dim=1) if over_classes == "sum" else loss.mean(dim=1)
    return reduce_loss(loss, sample_weight, reduction, avg_factor)


def _bce_target(z: Tensor, labels: MixedLabels | Tensor, t: float, xi: float) -> Tensor:
    if isinstance(labels, Tensor) and labels.is_floating_point():
        return _dense_bce_target(z, labels, t, xi)
    mixed = checked_labels(z, labels, k=2)
    shares = mixed.shares.to(z.dtype)
    merged, _ = merged_shares(mixed.classes, shares)
    # Slots of one class carry the same value, so which of them is written last is all one. A
    # slot with a share of 0 repeats whatever class it likes, so it must not overwrite: amax.
    try:
        target = torch.zeros_like(z).scatter_reduce(
            1, mixed.classes, rescale_share(merged, t, xi), reduce="amax"
        )
    except RuntimeError:  # as in decoupled_mixup_terms
        if z.device.type == "cpu":
            check_classes(mixed.classes, z.shape[1])
        raise
    if mixed.smoothing is not None:
        smoothing = mixed.smoothing.to(z.dtype)[:, None]
        target = target * (1 - smoothing) + smoothing / z.shape[1]
    return target


def _dense_bce_target(z: Tensor, dense: Tensor, t: float, xi: float) -> Tensor:
    check_soft_labels(dense, z)
    dense = dense.to(z.dtype)
    if dense.device.type == "cpu" and not torch.compiler.is_compiling():
        good = (dense >= 0) & (dense <= 1 + 1e-3)
        if not bool(good.all()):
            raise ValueError(f"soft labels must be in [0, 1], got {float(dense[~good][0]):g}")
    num_classes = z.shape[1]
    if num_classes <= 2:  # as in MixedLabels.from_dense: both classes may be mixed in
        return rescale_share(dense, t, xi)
    # Label smoothing gives every class s / C; a floor that high that it leaves nothing else is
    # no smoothing (all classes of a multi-label row are positive).
    floor = dense.amin(dim=1, keepdim=True)
    floor = torch.where(floor * num_classes < 1, floor, torch.zeros_like(floor))
    smoothing = floor * num_classes
    share = (dense - floor) / (1 - smoothing)
    return rescale_share(share, t, xi) * (1 - smoothing) + floor


class DecoupledMixupBCELoss(MixupLoss):
    r"""DM(BCE): a sigmoid per class against rescaled shares.

    Example:
        ``loss=dict(type='dmmix.DecoupledMixupBCELoss', t=1, xi=0.8)`` for cutting mixes,
        ``t=0.5, xi=1`` for interpolating ones; ``t=0`` is two-hot, ``t=1, xi=1`` plain mixed BCE.

    Args:
        t, xi: the rescaling of shares, see :func:`dmmix.functional.rescale_share`.
        over_classes: ``'mean'`` or ``'sum'``.
        class_weight, reduction, loss_weight: as in :class:`DecoupledMixupLoss`.

    Formula, errors and source: :func:`dmmix.functional.decoupled_mixup_bce`.
    """

    def __init__(
        self,
        t: float = 1.0,
        xi: float = 0.8,
        over_classes: OverClasses = "mean",
        class_weight: Sequence[float] | None = None,
        reduction: Reduction = "mean",
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(class_weight, reduction, loss_weight)
        check_rescaling(t, xi)
        check_over_classes(over_classes)
        self.t, self.xi = t, xi
        self.over_classes: OverClasses = over_classes

    def parts(
        self, logits: Tensor, labels: MixedLabels | Tensor, **weights: Any
    ) -> dict[str, Tensor]:
        """``loss_bce`` alone: DM(BCE) has no term of its own for decoupling."""
        loss = decoupled_mixup_bce(
            logits,
            labels,
            self.t,
            self.xi,
            class_weight=self.class_weight,
            over_classes=self.over_classes,
            reduction="none",
        )
        return {"loss_bce": self.reduce(loss, **weights)}

    def extra_repr(self) -> str:
        return f"t={self.t}, xi={self.xi}, over_classes={self.over_classes!r}"
