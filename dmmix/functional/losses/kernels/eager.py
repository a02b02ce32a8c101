r"""The two terms of the decoupled mixup loss, a value a sample: the readable form.

With :math:`o = \log \sum_{c \notin M} e^{z_c}` over the classes that are not mixed in,

* mixup cross entropy: :math:`\sum_k \mathrm{target}_k (\mathrm{lse}(z) - z_k)`, where
  :math:`\mathrm{lse}(z)` follows from :math:`o` and the mixed logits;
* decoupled term: :math:`\sum_k \mathrm{keep}_k \, \mathrm{softplus}(o - z_k)`, which equals
  :math:`-\sum_k \mathrm{keep}_k \log \phi_k` of the paper.

This composition of torch operations is what ``torch.compile`` traces and what supports double
backward; :mod:`dmmix.functional.losses.kernels` has the same in a single pass over the logits.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dmmix.functional.losses.slots import Slots


def eager_terms(
    logits: Tensor, slots: Slots, class_weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Mixup cross entropy and decoupled term, (N,) each.

    Args:
        logits: (N, C), float32 or float64.
        slots: see :func:`dmmix.functional.losses.slots.plan_slots`.
        class_weight: (C,) weights, needed for label smoothing only (``slots.target`` and
            ``slots.keep`` are weighted already).
    """
    z = logits.gather(1, slots.classes)
    left_out = torch.zeros_like(logits, dtype=torch.bool).scatter(1, slots.classes, slots.mixed)
    others = logsumexp_or_lowest(logits.masked_fill(left_out, -torch.inf))
    lse = torch.cat([others[:, None], z.masked_fill(~slots.once, -torch.inf)], 1).logsumexp(1)
    mixup = (slots.target * (lse[:, None] - z)).sum(dim=1)
    if slots.smoothing is not None:
        if class_weight is None:
            even = lse - logits.mean(dim=1)
        else:
            weight = class_weight.to(logits.dtype)
            even = lse * weight.mean() - (logits * weight).mean(dim=1)
        # Without smoothing, a logit of -inf of a class that has no share costs nothing.
        mixup = mixup + (slots.smoothing * even).masked_fill(slots.smoothing == 0, 0.0)
    # -logsigmoid is softplus without its linear shortcut, which is off by 1e-9.
    decoupled = -(slots.keep * F.logsigmoid(z - others[:, None])).sum(dim=1)
    return mixup, decoupled


def logsumexp_or_lowest(values: Tensor) -> Tensor:
    """Row-wise log-sum-exp; a row of nothing but -inf (every class is mixed in) gives the
    lowest finite number, with a gradient of zero instead of nan."""
    empty = (values == -torch.inf).all(dim=1)
    filled = values.masked_fill(empty[:, None], 0.0)
    lowest = torch.finfo(values.dtype).min
    return filled.logsumexp(dim=1).masked_fill(empty, lowest)
