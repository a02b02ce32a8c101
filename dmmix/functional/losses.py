"""Losses for mixed samples: mixup cross entropy, DM(CE) and DM(BCE).

Each takes (N, C) logits and labels in any form that :func:`as_mixed_labels` knows.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from dmmix.functional.kernels import Backend, mixup_terms
from dmmix.functional.labels import MixedLabels, as_mixed_labels
from dmmix.functional.shares import check_rescaling, rescale_share
from dmmix.functional.slots import Decouple, merged_shares, plan_slots
from dmmix.functional.tensors.dtypes import at_least_float32, share_dtype

__all__ = [
    "Terms",
    "decoupled_mixup_bce",
    "decoupled_mixup_cross_entropy",
    "decoupled_mixup_terms",
    "mixup_cross_entropy",
    "reduce_loss",
]

Reduction = Literal["none", "mean", "sum"]


class Terms(NamedTuple):
    """The two parts of DM(CE), (N,) each, before ``eta`` and any reduction."""

    mixup: Tensor
    decoupled: Tensor


def decoupled_mixup_terms(
    logits: Tensor,
    labels: MixedLabels | Tensor,
    *,
    decouple: Decouple | Tensor = "all",
    rescale: tuple[float, float] | None = None,
    min_share: float = 0.0,
    label_smoothing: float = 0.0,
    class_weight: Tensor | None = None,
    k: int = 2,
    backend: Backend = "auto",
) -> Terms:
    r"""Mixup cross entropy and decoupled term of each sample, from one pass over the logits.

    With classes :math:`k` of share :math:`\lambda_k` mixed in, and
    :math:`o = \log \sum_{c\ \text{not mixed in}} e^{z_c}`:

    .. math::
        L_\mathrm{MCE} = -\sum_k \lambda_k \log p_k, \qquad
        L_\mathrm{DM} = -\sum_k \log \phi_k
                      = \sum_k \mathrm{softplus}(o - z_k)

    where :math:`\phi_k` is the softmax of class :math:`k` against the classes that are not mixed
    in. A class with several slots counts once, with its shares added up; a sample with a single
    class (also: both images of one class, or a share of 0) has no decoupled term.

    Args:
        logits: (N, C) of any float dtype; bfloat16 and float16 are accumulated in float32.
        labels: :class:`MixedLabels`, (N,) integers, or (N, C) soft labels.
        decouple: which classes keep their decoupled term: ``'all'``; ``'more'`` or ``'less'``
            for the class with the largest or smallest share (a tie keeps all of them); or an
            (N, K) bool mask over the slots of :class:`MixedLabels`, as the asymmetrical strategy
            needs.
        rescale: ``None`` weights each term by 1 as the paper does; ``(t, xi)`` weights it by
            :func:`rescale_share` of its share.
        min_share: a class is mixed in when its share is above this, in [0, 0.5).
        label_smoothing: in [0, 1); acts on the mixup cross entropy only.
        class_weight: (C,) weights of the classes, on both terms.
        k: for soft labels, how many classes a row mixes at most.
        backend: ``'auto'``; ``'eager'`` for torch operations (what ``torch.compile`` traces,
            and what supports double backward); ``'single_pass'`` for one read of the logits.

    Returns:
        :class:`Terms` of float32 (float64 for float64 logits).

    Raises:
        TypeError, ValueError: naming the argument and what is allowed. Values of labels are
            looked at on the CPU only (a GPU would have to be waited for).

    Source: Decoupled Mixup (arXiv 2203.10761).
    """
    mixed = _checked_labels(logits, labels, k)
    _check_fraction("min_share", min_share, 0.5)
    _check_fraction("label_smoothing", label_smoothing, 1.0)
    if isinstance(decouple, Tensor) and mixed is not labels:
        raise ValueError(
            "decouple as a mask names slots of MixedLabels; soft or plain labels have no order of "
            "their classes that it could follow"
        )
    _check_decouple(decouple, mixed)
    if rescale is not None:
        check_rescaling(*rescale)
    if class_weight is not None and class_weight.shape != logits.shape[1:]:
        raise ValueError(
            f"class_weight must be ({logits.shape[1]},), got {tuple(class_weight.shape)}"
        )
    plan = partial(
        plan_slots,
        mixed,
        dtype=share_dtype(logits),
        decouple=decouple,
        rescale=rescale,
        min_share=min_share,
        label_smoothing=label_smoothing,
        class_weight=class_weight,
    )
    if logits.device.type != "cpu" or torch.compiler.is_compiling():
        return Terms(*mixup_terms(logits, plan(), class_weight, backend))
    # The CPU's own operations refuse a class that is out of range: that is cheaper than to look
    # beforehand, and here it gets its name.
    try:
        return Terms(*mixup_terms(logits, plan(), class_weight, backend))
    except (IndexError, RuntimeError):
        _check_classes(mixed.classes, logits.shape[1])
        raise


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
    _check_eta(eta, logits)
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


def decoupled_mixup_bce(
    logits: Tensor,
    labels: MixedLabels | Tensor,
    t: float = 1.0,
    xi: float = 0.8,
    *,
    class_weight: Tensor | None = None,
    sample_weight: Tensor | None = None,
    over_classes: Literal["sum", "mean"] = "mean",
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
    _check_logits(logits)
    check_rescaling(t, xi)
    if over_classes not in ("sum", "mean"):
        raise ValueError(f"over_classes must be 'sum' or 'mean', got {over_classes!r}")
    if class_weight is not None and class_weight.shape != logits.shape[1:]:
        raise ValueError(
            f"class_weight must be ({logits.shape[1]},), got {tuple(class_weight.shape)}"
        )
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
    mixed = _checked_labels(z, labels, k=2)
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
            _check_classes(mixed.classes, z.shape[1])
        raise
    if mixed.smoothing is not None:
        smoothing = mixed.smoothing.to(z.dtype)[:, None]
        target = target * (1 - smoothing) + smoothing / z.shape[1]
    return target


def _dense_bce_target(z: Tensor, dense: Tensor, t: float, xi: float) -> Tensor:
    if dense.shape != z.shape:
        raise ValueError(
            f"soft labels must be (N, C) = {tuple(z.shape)} like the logits, "
            f"got {tuple(dense.shape)}"
        )
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


def reduce_loss(
    loss: Tensor,
    sample_weight: Tensor | None = None,
    reduction: Reduction = "mean",
    avg_factor: float | Tensor | None = None,
) -> Tensor:
    """Weights (N,) losses and reduces them; see :func:`decoupled_mixup_cross_entropy`."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
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


def _check_logits(logits: Tensor) -> None:
    if logits.ndim != 2 or not logits.is_floating_point():
        raise ValueError(
            f"logits must be floating point (N, C), got {logits.dtype} {tuple(logits.shape)}"
        )


def _checked_labels(logits: Tensor, labels: MixedLabels | Tensor, k: int) -> MixedLabels:
    _check_logits(logits)
    soft = isinstance(labels, Tensor) and labels.is_floating_point()
    if isinstance(labels, Tensor) and soft and labels.shape != logits.shape:
        raise ValueError(
            f"soft labels must be (N, C) = {tuple(logits.shape)} like the logits, "
            f"got {tuple(labels.shape)}"
        )
    mixed = as_mixed_labels(labels, k)
    if len(mixed) != logits.shape[0]:
        raise ValueError(f"{logits.shape[0]} rows of logits, but {len(mixed)} labels")
    return mixed


def _check_classes(classes: Tensor, num_classes: int) -> None:
    if classes.numel() == 0:
        return
    lowest, highest = (int(v) for v in classes.aminmax())
    if lowest < 0 or highest >= num_classes:
        bad = lowest if lowest < 0 else highest
        raise ValueError(f"classes must be in [0, {num_classes}) like the logits, got {bad}")


def _check_fraction(name: str, value: float, below: float) -> None:
    if not 0 <= value < below:
        raise ValueError(f"{name} must be in [0, {below:g}), got {value}")


def _check_eta(eta: float | Tensor, logits: Tensor) -> None:
    if isinstance(eta, Tensor):
        if eta.shape not in (torch.Size([]), logits.shape[:1]):
            raise ValueError(
                f"eta must be a number or ({logits.shape[0]},), got {tuple(eta.shape)}"
            )
    elif not eta >= 0:
        raise ValueError(f"eta must be 0 or more, got {eta}")


def _check_decouple(decouple: Decouple | Tensor, labels: MixedLabels) -> None:
    if isinstance(decouple, Tensor):
        if decouple.shape != labels.classes.shape or decouple.dtype != torch.bool:
            raise ValueError(
                f"decouple must be a bool mask {tuple(labels.classes.shape)} like the classes, "
                f"got {decouple.dtype} {tuple(decouple.shape)}"
            )
    elif decouple not in ("all", "more", "less"):
        raise ValueError(
            f"decouple must be 'all', 'more', 'less' or an (N, K) bool mask, got {decouple!r}"
        )
