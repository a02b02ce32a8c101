"""The losses as modules: the functions of :mod:`dmmix.functional.losses` with their settings.

They need torch alone; :mod:`dmmix.models` registers them for configs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from dmmix.functional.labels import MixedLabels
from dmmix.functional.losses import (
    Reduction,
    decoupled_mixup_bce,
    decoupled_mixup_terms,
    reduce_loss,
)
from dmmix.functional.shares import check_rescaling
from dmmix.functional.slots import Decouple

__all__ = ["DecoupledMixupBCELoss", "DecoupledMixupLoss", "MixupCrossEntropyLoss", "MixupLoss"]


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
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(f"reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        weight = None if class_weight is None else torch.as_tensor(class_weight).float()
        self.register_buffer("class_weight", weight, persistent=False)
        self.reduction: Reduction = reduction
        self.loss_weight = loss_weight
        self.k = k

    def parts(
        self,
        logits: Tensor,
        labels: MixedLabels | Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction: Reduction | None = None,
    ) -> dict[str, Tensor]:
        """The summands of the loss by name, each weighted and reduced."""
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
        parts = self.parts(logits, labels, weight, avg_factor, reduction_override)
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


class DecoupledMixupLoss(MixupLoss):
    r"""DM(CE): :math:`L_\mathrm{MCE} + \eta L_\mathrm{DM}`.

    Example:
        In the head of any mmpretrain classifier: ``loss=dict(type='dmmix.DecoupledMixupLoss',
        eta=0.1)``.

    Args:
        eta: weight of the decoupled term, 0 or more. The paper: 0.1 for static mixes, 1 for
            dynamic ones on CIFAR and ImageNet.
        decouple: ``'all'``, ``'more'`` or ``'less'``: which mixed classes keep their term.
        rescale: ``(t, xi)`` weights each term by the rescaled share; ``None``: by 1.
        min_share: a class is mixed in when its share is above this.
        label_smoothing: on the mixup cross entropy only.
        class_weight: C weights.
        reduction, loss_weight: as in mmpretrain.
        k: for (N, C) soft labels, how many classes a row mixes at most.

    Formula, errors and source: :func:`dmmix.functional.decoupled_mixup_terms`.
    """

    def __init__(
        self,
        eta: float = 0.1,
        decouple: Decouple = "all",
        rescale: tuple[float, float] | None = None,
        min_share: float = 0.0,
        label_smoothing: float = 0.0,
        class_weight: Sequence[float] | None = None,
        reduction: Reduction = "mean",
        loss_weight: float = 1.0,
        k: int = 2,
    ) -> None:
        super().__init__(class_weight, reduction, loss_weight, k)
        if isinstance(eta, bool) or not isinstance(eta, int | float):
            raise TypeError(f"eta must be a number, got {eta!r}")
        if not eta >= 0:
            raise ValueError(f"eta must be 0 or more, got {eta}")
        if decouple not in ("all", "more", "less"):
            raise ValueError(f"decouple must be 'all', 'more' or 'less', got {decouple!r}")
        if rescale is not None:
            check_rescaling(*rescale)
        for name, value, below in (
            ("min_share", min_share, 0.5),
            ("label_smoothing", label_smoothing, 1.0),
        ):
            if not 0 <= value < below:
                raise ValueError(f"{name} must be in [0, {below:g}), got {value}")
        self.eta = eta
        self.decouple: Decouple = decouple
        self.rescale = rescale
        self.min_share = min_share
        self.label_smoothing = label_smoothing

    def parts(
        self,
        logits: Tensor,
        labels: MixedLabels | Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction: Reduction | None = None,
        decouple: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """``loss_mixup`` and, with ``eta`` in it, ``loss_decoupled``.

        ``decouple``, a bool mask over the slots of :class:`~dmmix.functional.MixedLabels`, goes
        before the loss's own.
        """
        terms = decoupled_mixup_terms(
            logits,
            labels,
            decouple=self.decouple if decouple is None else decouple,
            rescale=self.rescale,
            min_share=self.min_share,
            label_smoothing=self.label_smoothing,
            class_weight=self.class_weight,
            k=self.k,
        )
        parts = {"loss_mixup": self.reduce(terms.mixup, weight, avg_factor, reduction)}
        if self.eta:
            decoupled = self.reduce(terms.decoupled, weight, avg_factor, reduction)
            parts["loss_decoupled"] = self.eta * decoupled
        return parts

    def extra_repr(self) -> str:
        return f"eta={self.eta}, decouple={self.decouple!r}, rescale={self.rescale}"


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
        over_classes: Literal["sum", "mean"] = "mean",
        class_weight: Sequence[float] | None = None,
        reduction: Reduction = "mean",
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(class_weight, reduction, loss_weight)
        check_rescaling(t, xi)
        if over_classes not in ("sum", "mean"):
            raise ValueError(f"over_classes must be 'sum' or 'mean', got {over_classes!r}")
        self.t, self.xi = t, xi
        self.over_classes: Literal["sum", "mean"] = over_classes

    def parts(
        self,
        logits: Tensor,
        labels: MixedLabels | Tensor,
        weight: Tensor | None = None,
        avg_factor: float | Tensor | None = None,
        reduction: Reduction | None = None,
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
        return {"loss_bce": self.reduce(loss, weight, avg_factor, reduction)}

    def extra_repr(self) -> str:
        return f"t={self.t}, xi={self.xi}, over_classes={self.over_classes!r}"
