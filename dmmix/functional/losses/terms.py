"""What mixup cross entropy and DM(CE) are summed up of."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from dmmix.functional.labels import MixedLabels
from dmmix.functional.losses.checks import (
    check_class_weight,
    check_classes,
    check_mask,
    check_settings,
    checked_labels,
)
from dmmix.functional.losses.kernels import Backend, mixup_terms
from dmmix.functional.losses.slots import Decouple, plan_slots
from dmmix.functional.tensors.dtypes import share_dtype


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
    mixed = checked_labels(logits, labels, k)
    if isinstance(decouple, Tensor):
        check_mask(decouple, mixed, labels)
    check_settings(decouple, rescale, min_share, label_smoothing)
    check_class_weight(class_weight, logits)
    settings = decouple, rescale, min_share, label_smoothing, class_weight
    # The CPU's own operations refuse a class that is out of range: that is cheaper than to look
    # beforehand, and here it gets its name.
    try:
        slots = plan_slots(mixed, share_dtype(logits), *settings)
        return Terms(*mixup_terms(logits, slots, class_weight, backend))
    except (IndexError, RuntimeError):
        if logits.device.type == "cpu":
            check_classes(mixed.classes, logits.shape[1])
        raise
