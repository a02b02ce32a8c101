"""DM(CE), the decoupled mixup loss on top of mixup cross entropy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from dmmix.functional.labels import MixedLabels
from dmmix.functional.losses.base import MixupLoss, reduce_loss
from dmmix.functional.losses.checks import Reduction, check_eta, check_settings
from dmmix.functional.losses.kernels import Backend
from dmmix.functional.losses.slots import Decouple
from dmmix.functional.losses.terms import decoupled_mixup_terms


def decoupled_mixup_cross_entropy(
    logits: Tensor,
    labels: MixedLabels | Tensor,
    eta: float | Tensor = 0.1,
    *,
    decouple: Decouple | Tensor = "all",
    rescale: tuple[float, float] | None = None,
    min_share: float = 0.0,
    label_smoothing: float = 0.0,
    class_weight: Tensor | None = None,
    sample_weight: Tensor | None = None,
    reduction: Reduction = "mean",
    avg_factor: float | Tensor | None = None,
    k: int = 2,
    backend: Backend = "auto",
) -> Tensor:
    r"""DM(CE): mixup cross entropy plus ``eta`` times the decoupled term.

    .. math:: L = L_\mathrm{MCE} + \eta \, L_\mathrm{DM}

    Args:
        eta: 0 or more, a float or one value a sample (N,). The paper: 0.1 for static mixes and
            1 for dynamic ones on CIFAR-100 and ImageNet.
        sample_weight: (N,) weights of the samples.
        reduction: ``'none'`` gives one value a sample, ``'mean'`` divides their sum by N,
            ``'sum'`` does not.
        avg_factor: divides instead of N; only with ``reduction='mean'``.

    The other arguments, errors and the source: see :func:`decoupled_mixup_terms`.
    """
    check_eta(eta, logits)
    terms = decoupled_mixup_terms(
        logits,
        labels,
        decouple=decouple,
        rescale=rescale,
        min_share=min_share,
        label_smoothing=label_smoothing,
        class_weight=class_weight,
        k=k,
        backend=backend,
    )
    return reduce_loss(terms.mixup + eta * terms.decoupled, sample_weight, reduction, avg_factor)


class DecoupledMixupLoss(MixupLoss):
    r"""DM(CE): :math:`L_\mathrm{MCE} + \eta L_\mathrm{DM}`.

    Example:
        In the head of any mmpretrain classifier: ``loss=dict(type='dmmix.DecoupledMixupLoss',
        eta=0.1)``.

    Args:
        eta: a number, see :func:`dmmix.functional.decoupled_mixup_cross_entropy`.
        decouple: ``'all'``, ``'more'`` or ``'less'``.
        rescale, min_share, label_smoothing, k: see :func:`dmmix.functional.decoupled_mixup_terms`,
            also for formula, errors and source.
        class_weight: C weights.
        reduction, loss_weight: as in mmpretrain.
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
        check_eta(eta)
        check_settings(decouple, rescale, min_share, label_smoothing)
        self.eta = eta
        self.decouple: Decouple = decouple
        self.rescale = rescale
        self.min_share = min_share
        self.label_smoothing = label_smoothing

    def parts(
        self,
        logits: Tensor,
        labels: MixedLabels | Tensor,
        decouple: Tensor | None = None,
        **weights: Any,
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
        parts = {"loss_mixup": self.reduce(terms.mixup, **weights)}
        if self.eta:
            parts["loss_decoupled"] = self.eta * self.reduce(terms.decoupled, **weights)
        return parts

    def extra_repr(self) -> str:
        return f"eta={self.eta}, decouple={self.decouple!r}, rescale={self.rescale}"
