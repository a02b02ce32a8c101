r"""The loss terms on the CPU in a single pass: one read forward, one read and one write backward.

The logits are worked through in chunks of rows that stay in the cache. A chunk is copied to a
buffer, where the classes that are mixed in are overwritten with the lowest finite number; what
softmax then makes of the buffer is :math:`e^{z_c - o}`, which both terms are built on. The rest
follows from :math:`o` and the few mixed logits:

* forward: :math:`\mathrm{lse} = \log(e^o + \sum_k e^{z_k})` over the mixed classes, relative to
  the largest logit of the row, so that a shift of all logits costs no digits;
* backward: with upstream gradients :math:`g` (mixup) and :math:`h` (decoupled),
  :math:`T = \sum_k \mathrm{target}_k + s \bar w` and
  :math:`d_k = \mathrm{keep}_k\,\sigma(o - z_k)`,

  .. math::
      \frac{\partial}{\partial z_c} =
      \begin{cases}
          e^{z_c - o} \, (g T e^{o - \mathrm{lse}} + h \sum_k d_k) & c\ \text{not mixed in} \\
          g T e^{z_c - \mathrm{lse}} & c\ \text{mixed in}
      \end{cases}
      \; - \sum_{k:\ \mathrm{class}_k = c} (g\,\mathrm{target}_k + h\,d_k) - g s \frac{w_c}{C}

What softmax makes of a chunk is written straight to where the gradient will be, and the backward
scales it there: the logits are read once in all, and the gradient is all the memory that is taken.

The lowest finite number stands where -inf would give nan: a row in which every class is mixed in
gets it as its ``o``, and with it a factor of 0 in front of whatever softmax made of the row.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dmmix.functional.losses.kernels.second_order import gradient_of_logits
from dmmix.functional.losses.slots import Slots

#: Logits of a chunk: few enough to stay in the cache together with their buffer and result, and
#: enough to make the cost of starting an operation small.
CHUNK_ELEMENTS = 1 << 18


class _Kept(threading.local):
    """The chunk buffers of a thread."""

    def __init__(self) -> None:
        self.by_dtype: dict[torch.dtype, Tensor] = {}


_kept = _Kept()


def cpu_terms(
    logits: Tensor, slots: Slots, class_weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Mixup cross entropy and decoupled term, (N,) each, in the dtype of ``slots.target``.

    Args:
        logits: (N, C) of any float dtype, contiguous or not. Gradients go to it alone.
        slots, class_weight: see :func:`dmmix.functional.losses.kernels.eager.eager_terms`.
    """
    if class_weight is not None:
        class_weight = class_weight.to(slots.target.dtype)
    learns = torch.is_grad_enabled() and logits.requires_grad
    return _ChunkedTerms.apply(logits, *slots, class_weight, learns)


class _ChunkedTerms(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        classes: Tensor,
        target: Tensor,
        keep: Tensor,
        mixed: Tensor,
        once: Tensor,
        smoothing: Tensor | None,
        class_weight: Tensor | None,
        learns: bool,
    ) -> tuple[Tensor, Tensor]:
        z = logits.gather(1, classes).to(target.dtype)
        masked = torch.where(mixed, torch.finfo(z.dtype).min, z)
        # e^{z - o}, all that the gradient needs of a row, is made on the way to o: it is kept in
        # the gradient's own memory. In half precision it would be rounded twice.
        phi = _like(logits) if learns and logits.dtype == target.dtype else None
        highest, log_rest, mean = _read(logits, classes, masked, class_weight, smoothing, phi)

        # Differences of logits come first: those are exact, where o and lse of large logits are
        # not. What is one number a row stays a column, (N, 1).
        margin = (z - highest).sub_(log_rest)
        decoupled = (keep * F.logsigmoid(margin)).sum(1).neg_()

        largest = torch.maximum(highest, z.amax(1, keepdim=True))
        below = z - largest
        exp_mixed = below.exp().mul_(once)
        exp_others = (highest - largest).add_(log_rest).exp_()
        exp_all = exp_mixed.sum(1, keepdim=True).add_(exp_others)
        lse = exp_all.log()
        mixup = (target * (lse - below)).sum(1)
        if smoothing is not None and mean is not None:
            weight = 1 if class_weight is None else class_weight.mean()
            even = smoothing * (weight * lse + (weight * largest - mean)).squeeze(1)
            mixup += even.masked_fill_(smoothing == 0, 0.0)  # as in eager_terms

        ctx.phi = phi
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(
            logits, classes, target, keep, smoothing, class_weight,
            masked, margin, exp_mixed, exp_others, exp_all,
        )  # fmt: skip
        return mixup, decoupled

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, h: Tensor | None) -> tuple[Tensor | None, ...]:
        # The gradient is made in place of phi. A second time (retain_graph) and where the gradient
        # becomes part of a graph, it is made from the logits again.
        phi = None if torch.is_grad_enabled() else ctx.phi
        ctx.phi = None
        return gradient_of_logits(_gradient, ctx, g, h, phi)


def _gradient(
    g: Tensor | None,
    h: Tensor | None,
    logits: Tensor,
    classes: Tensor,
    target: Tensor,
    keep: Tensor,
    smoothing: Tensor | None,
    class_weight: Tensor | None,
    masked: Tensor,
    margin: Tensor,
    exp_mixed: Tensor,
    exp_others: Tensor,
    exp_all: Tensor,
    phi: Tensor | None,
) -> Tensor:
    """Gradient of ``g * mixup + h * decoupled`` in the logits; see the head of this file."""
    even = None
    if g is not None:
        g = g.unsqueeze(1)
        total = target.sum(1, keepdim=True)
        if smoothing is not None:
            weight = 1 if class_weight is None else class_weight.mean()
            total += (smoothing * weight).unsqueeze(1)
            even = g * smoothing.unsqueeze(1) / logits.shape[1]
        total.mul_(g).div_(exp_all)
        factor = total * exp_others
        at_slot = (total * exp_mixed).addcmul_(target, g, value=-1)
    if h is not None:
        pull = margin.neg().sigmoid_().mul_(keep).mul_(h.unsqueeze(1))
        factor = pull.sum(1, keepdim=True).add_(0.0 if g is None else factor)
        at_slot = (0.0 if g is None else at_slot) - pull
    return _write(logits, classes, masked, factor, at_slot, even, class_weight, phi)


def _read(
    logits: Tensor,
    classes: Tensor,
    masked: Tensor,
    class_weight: Tensor | None,
    smoothing: Tensor | None,
    phi: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Largest logit that is not mixed in, ``o`` less it and, where labels are smoothed, the
    (weighted) mean of the logits; (N, 1) each. Fills ``phi``, where given, with ``e^{z - o}``."""
    highest, largest = masked.new_empty(2, len(logits), 1).unbind(0)
    mean = None if smoothing is None else torch.empty_like(highest)
    weight = None if class_weight is None else (class_weight / logits.shape[1]).unsqueeze(1)
    buffer, spare = _buffers(logits, masked.dtype)
    chunks = _chunks(logits, phi, classes, masked, highest, largest, mean)
    for part, kept, at, values, top, phi_top, average in chunks:
        rows, out = buffer[: len(part)], spare[: len(part)] if kept is None else kept
        rows.copy_(part)
        if average is not None:
            if weight is None:
                torch.mean(rows, 1, keepdim=True, out=average)
            else:
                torch.mm(rows, weight, out=average)
        rows.scatter_(1, at, values)
        # The fastest log-sum-exp there is: what softmax makes of the maximum of a row.
        torch.softmax(rows, 1, out=out)
        torch.amax(rows, 1, keepdim=True, out=top)
        torch.amax(out, 1, keepdim=True, out=phi_top)
    return highest, largest.log_().neg_(), mean


def _write(
    logits: Tensor,
    classes: Tensor,
    masked: Tensor,
    factor: Tensor,
    at_slot: Tensor,
    even: Tensor | None,
    class_weight: Tensor | None,
    phi: Tensor | None,
) -> Tensor:
    """``e^{z_c - o} factor``, with ``at_slot`` added at the slots and ``even w_c`` taken off.

    ``factor`` and ``even`` are (N, 1). Overwrites ``phi``, which is ``e^{z_c - o}``, where given.
    """
    grad = _like(logits) if phi is None else phi
    buffer, result = _buffers(logits, masked.dtype)
    # A gradient of half precision is finished in float32 before it is rounded.
    in_place = grad.dtype == masked.dtype
    chunks = _chunks(logits, grad, classes, masked, factor, at_slot, even)
    for part, grad_part, at, values, scale, add, subtract in chunks:
        out = grad_part if in_place else result[: len(part)]
        if phi is None:
            rows = buffer[: len(part)]
            rows.copy_(part)
            rows.scatter_(1, at, values)
            torch.softmax(rows, 1, out=out)
        out *= scale
        out.scatter_add_(1, at, add)
        if subtract is not None and class_weight is None:
            out -= subtract
        elif subtract is not None:
            out.addcmul_(subtract, class_weight, value=-1)
        if not in_place:
            grad_part.copy_(out)
    return grad


def _like(logits: Tensor) -> Tensor:
    return torch.empty_like(logits, memory_format=torch.contiguous_format)


def _chunks(logits: Tensor, *others: Tensor | None) -> Iterator[list[Any]]:
    """The tensors side by side, a chunk of rows at a time; ``None`` stays ``None``."""
    tensors = (logits, *others)
    count, size = len(logits), _rows_in_chunk(logits)
    if 0 < count <= size:
        yield list(tensors)  # a slice of everything would cost as much as a small operation
        return
    for start in range(0, count, size):
        yield [None if tensor is None else tensor[start : start + size] for tensor in tensors]


def _buffers(logits: Tensor, dtype: torch.dtype) -> list[Tensor]:
    """Two rooms for a chunk each, kept from call to call.

    Fresh memory of this size comes page by page from the operating system, which costs several
    times what is done in it. Each thread has its own.
    """
    rows, columns = min(_rows_in_chunk(logits), len(logits)), logits.shape[1]
    size = max(CHUNK_ELEMENTS, columns)
    rooms = _kept.by_dtype.get(dtype)
    if rooms is None or rooms.shape[1] != size:
        # A tensor made in inference mode could not be written to outside of it.
        with torch.inference_mode(False):
            rooms = torch.empty(2, size, dtype=dtype, device="cpu")
        _kept.by_dtype[dtype] = rooms
    return [room[: rows * columns].view(rows, columns) for room in rooms]


def _rows_in_chunk(logits: Tensor) -> int:
    return max(1, CHUNK_ELEMENTS // max(1, logits.shape[1]))
