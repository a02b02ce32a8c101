r"""The loss terms on the CPU for few logits: as few operations as there can be.

With a few thousand logits what an operation costs is that it is started. Here softmax over all
classes and softmax over those that are not mixed in each are one operation of torch's, and both
are kept for the gradient: with upstream gradients :math:`g` (mixup) and :math:`h` (decoupled),
:math:`T = \sum_k \mathrm{target}_k` and :math:`d_k = \mathrm{keep}_k\,\sigma(o - z_k)`,

.. math::
    \frac{\partial}{\partial z_c} = g T p_c + h \phi_c \sum_k d_k
        - \sum_{k:\ \mathrm{class}_k = c} (g\,\mathrm{target}_k + h\,d_k),
    \qquad \phi_c = e^{z_c - o} \text{ for classes not mixed in, else } 0

It holds two tensors of the size of the logits where the chunks of ``cpu.py`` hold one.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dmmix.functional.losses.kernels.second_order import gradient_of_logits
from dmmix.functional.losses.slots import Slots

#: Up to here this form is the faster one.
FEW_LOGITS = 1 << 14


def small_terms(logits: Tensor, slots: Slots) -> tuple[Tensor, Tensor]:
    """As :func:`~dmmix.functional.losses.kernels.cpu.cpu_terms`, for labels without smoothing and
    logits of the dtype of ``slots.target``."""
    return _SmallTerms.apply(logits, slots.classes, slots.target, slots.keep, slots.mixed)


class _SmallTerms(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        classes: Tensor,
        target: Tensor,
        keep: Tensor,
        mixed: Tensor,
    ) -> tuple[Tensor, Tensor]:
        z = logits.gather(1, classes)
        # The lowest finite number, not -inf: a row may have all of its classes mixed in.
        rest = logits.scatter(1, classes, torch.where(mixed, torch.finfo(z.dtype).min, z))
        phi = rest.softmax(1)
        log_p = logits.log_softmax(1)
        # z - o, from the largest logit of the rest: a difference of logits is exact.
        margin = (z - rest.amax(1, True)).add_(phi.amax(1, True).log_())
        mixup = log_p.gather(1, classes).mul_(target).sum(1).neg_()
        decoupled = F.logsigmoid(margin).mul_(keep).sum(1).neg_()
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(logits, log_p, phi, classes, target, keep, margin)
        return mixup, decoupled

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, h: Tensor | None) -> tuple[Tensor | None, ...]:
        return gradient_of_logits(_gradient, ctx, g, h)


def _gradient(
    g: Tensor | None,
    h: Tensor | None,
    _logits: Tensor,  # what a derivative of the gradient would be asked for
    log_p: Tensor,
    phi: Tensor,
    classes: Tensor,
    target: Tensor,
    keep: Tensor,
    margin: Tensor,
) -> Tensor:
    """Gradient of ``g * mixup + h * decoupled`` in the logits; see the head of this file."""
    if g is not None:
        at_slot = target * g[:, None]
        grad = log_p.exp().mul_(at_slot.sum(1, True))
    if h is not None:
        pull = margin.neg().sigmoid_().mul_(keep).mul_(h[:, None])
        total = pull.sum(1, True)
        grad = phi * total if g is None else grad.addcmul_(phi, total)
        at_slot = pull if g is None else at_slot.add_(pull)
    return grad.scatter_add_(1, classes, at_slot.neg_())
