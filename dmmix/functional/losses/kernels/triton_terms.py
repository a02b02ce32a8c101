r"""The loss terms as a pair of Triton kernels: one read forward, one read and one write backward.

The formulas are those of ``cpu.py``, and so is the trick of the lowest finite number in place of
-inf. Forward, one program a row runs over blocks of classes with a running log-sum-exp, and leaves
five numbers a row for backward. Backward, a program has one block of one row and finds all that it
needs in those numbers, the slots and the mixed logits. Nothing waits for the device, and nothing
else is launched between the slots and the terms.

C and K are compile-time constants, since both stay the same for as long as a model is trained.
"""

from __future__ import annotations

from math import gcd
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from dmmix.functional.losses.kernels.second_order import gradient_of_logits
from dmmix.functional.losses.slots import Slots

#: Classes in a block, at most; a power of 2.
MAX_BLOCK = 4096
#: Classes of a block for each thread: loads that are in flight together to hide their latency.
CLASSES_A_THREAD = 16


def triton_terms(
    logits: Tensor, slots: Slots, class_weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Mixup cross entropy and decoupled term, (N,) each, in the dtype of ``slots.target``.

    Args:
        logits: (N, C) of any float dtype on a CUDA device. Gradients go to it alone.
        slots, class_weight: see :func:`dmmix.functional.losses.kernels.eager.eager_terms`.
    """
    return _TritonTerms.apply(
        logits, slots.classes, slots.target, slots.keep, slots.once, slots.smoothing, class_weight
    )


class _TritonTerms(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        classes: Tensor,
        target: Tensor,
        keep: Tensor,
        once: Tensor,
        smoothing: Tensor | None,
        class_weight: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        logits = logits if logits.stride(1) == 1 else logits.contiguous()
        slots = [t.contiguous() for t in (classes, target, keep, once)]
        class_weight = None if class_weight is None else class_weight.contiguous()
        n = logits.shape[0]
        mixup, decoupled = target.new_empty(n), target.new_empty(n)
        kept = target.new_empty(5, n)
        if n:
            with torch.cuda.device_of(logits):
                _forward[(n,)](
                    logits, logits.stride(0), *slots, smoothing, class_weight,
                    mixup, decoupled, kept, n, **_constants(logits, classes, target),
                )  # fmt: skip
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(logits, *slots, smoothing, class_weight, kept)
        return mixup, decoupled

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, h: Tensor | None) -> tuple[Tensor | None, ...]:
        return gradient_of_logits(_gradient, ctx, g, h)


def _gradient(
    g: Tensor | None,
    h: Tensor | None,
    logits: Tensor,
    classes: Tensor,
    target: Tensor,
    keep: Tensor,
    once: Tensor,
    smoothing: Tensor | None,
    class_weight: Tensor | None,
    kept: Tensor,
) -> Tensor:
    grad = torch.empty_like(logits, memory_format=torch.contiguous_format)
    n, c = logits.shape
    if n == 0:
        return grad
    constants = _constants(logits, classes, target)
    with torch.cuda.device_of(logits):
        _backward[(n, triton.cdiv(c, constants["BLOCK"]))](
            logits, logits.stride(0), classes, target, keep, once, smoothing, class_weight,
            # The gradient of a mean is one number expanded: its stride is 0.
            g, 0 if g is None else g.stride(0), h, 0 if h is None else h.stride(0),
            grad, kept, n, **constants,
        )  # fmt: skip
    return grad


def _constants(logits: Tensor, classes: Tensor, target: Tensor) -> dict[str, int | float]:
    c = logits.shape[1]
    block = min(triton.next_power_of_2(c), MAX_BLOCK)
    threads = block // CLASSES_A_THREAD
    return {
        "C": c,
        "K": classes.shape[1],
        "LOWEST": torch.finfo(target.dtype).min,
        "BLOCK": block,
        # What the start of every row is a multiple of, in elements: decides the loads' width.
        "ALIGN": gcd(logits.stride(0), 16),
        "num_warps": max(1, triton.next_power_of_2(threads) // 32),
    }


@triton.jit
def _logit(z, class_k, C: tl.constexpr):
    # A class that is out of range can't be refused here: it makes the loss nan.
    return tl.load(z + class_k, mask=(class_k >= 0) & (class_k < C), other=float("nan"))


@triton.jit
def _log1p(x):
    # log(1 + x) for small x, too, where 1 + x has lost the digits of x.
    u = 1 + x
    return tl.where(u == 1, x, tl.log(u) * (x / tl.where(u == 1, 1, u - 1)))


@triton.jit
def _log_add_exp(a, b):
    high = tl.maximum(a, b)
    return high + _log1p(tl.exp(tl.minimum(a, b) - high))


@triton.jit
def _forward(
    logits, stride, classes, target, keep, once, smoothing, class_weight,
    mixup, decoupled, kept, N,
    C: tl.constexpr, K: tl.constexpr, LOWEST: tl.constexpr,
    BLOCK: tl.constexpr, ALIGN: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    z = logits + tl.multiple_of(row * stride, ALIGN)
    slot = row * K
    dtype: tl.constexpr = target.dtype.element_ty

    # o, the running log-sum-exp over what is not mixed in, and (weighted) sums for smoothing.
    highest = tl.full((), LOWEST, dtype)
    total = tl.zeros((), dtype)
    weights = tl.zeros((), dtype)
    weighted = tl.zeros((), dtype)
    for start in range(0, C, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        inside = columns < C
        x = tl.load(z + columns, mask=inside, other=-float("inf")).to(dtype)
        if smoothing is not None:
            summed = tl.where(inside, x, 0.0)
            if class_weight is not None:
                w = tl.load(class_weight + columns, mask=inside, other=0.0).to(dtype)
                summed *= w
                weights += tl.sum(w, 0)
            weighted += tl.sum(summed, 0)
        for k in tl.static_range(K):
            left_out = (columns == tl.load(classes + slot + k)) & tl.load(once + slot + k)
            x = tl.where(left_out, LOWEST, x)
        higher = tl.maximum(highest, tl.max(x, 0))
        total = total * tl.exp(highest - higher) + tl.sum(tl.exp(x - higher), 0)
        highest = higher
    # From here on relative to the largest logit of the row: differences of logits are exact,
    # where o and lse of large logits are not.
    log_rest = tl.log(total)
    largest = highest
    for k in tl.static_range(K):
        z_k = _logit(z, tl.load(classes + slot + k), C).to(dtype)
        largest = tl.maximum(largest, tl.where(tl.load(once + slot + k), z_k, LOWEST))
    o = highest - largest + log_rest
    lse = o
    for k in tl.static_range(K):
        z_k = _logit(z, tl.load(classes + slot + k), C).to(dtype)
        present = tl.load(once + slot + k)
        lse = _log_add_exp(lse, tl.where(present, z_k - largest, -float("inf")))

    cross_entropy = tl.zeros((), dtype)
    pushed = tl.zeros((), dtype)
    all_targets = tl.zeros((), dtype)
    for k in tl.static_range(K):
        z_k = _logit(z, tl.load(classes + slot + k), C).to(dtype)
        target_k = tl.load(target + slot + k)
        all_targets += target_k
        cross_entropy += target_k * (largest - z_k + lse)
        margin = z_k - highest - log_rest
        softplus = tl.maximum(-margin, 0.0) + _log1p(tl.exp(-tl.abs(margin)))
        pushed += tl.load(keep + slot + k) * softplus
    if smoothing is not None:
        even = tl.load(smoothing + row)
        mean_weight = weights / C if class_weight is not None else 1.0
        of_all = mean_weight * lse + (mean_weight * largest - weighted / C)
        cross_entropy += tl.where(even == 0, 0.0, even * of_all)  # as in eager_terms
        all_targets += even * mean_weight

    tl.store(mixup + row, cross_entropy)
    tl.store(decoupled + row, pushed)
    tl.store(kept + row, highest)
    tl.store(kept + N + row, log_rest)
    tl.store(kept + 2 * N + row, largest)
    tl.store(kept + 3 * N + row, lse)
    tl.store(kept + 4 * N + row, all_targets)


@triton.jit
def _backward(
    logits, stride, classes, target, keep, once, smoothing, class_weight,
    g, g_stride, h, h_stride, grad, kept, N,
    C: tl.constexpr, K: tl.constexpr, LOWEST: tl.constexpr,
    BLOCK: tl.constexpr, ALIGN: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    z = logits + tl.multiple_of(row * stride, ALIGN)
    slot = row * K
    dtype: tl.constexpr = target.dtype.element_ty
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < C
    x = tl.load(z + columns, mask=inside, other=-float("inf")).to(dtype)

    highest = tl.load(kept + row)
    log_rest = tl.load(kept + N + row)
    largest = tl.load(kept + 2 * N + row)
    lse = tl.load(kept + 3 * N + row)
    factor = tl.zeros((), dtype)
    total = tl.zeros((), dtype)
    g_row = tl.zeros((), dtype)
    if g is not None:
        g_row = tl.load(g + row * g_stride).to(dtype)
        total = g_row * tl.load(kept + 4 * N + row)
        factor = total * tl.exp(highest - largest + log_rest - lse)
    h_row = tl.zeros((), dtype)
    if h is not None:
        h_row = tl.load(h + row * h_stride).to(dtype)
        for k in tl.static_range(K):
            z_k = _logit(z, tl.load(classes + slot + k), C).to(dtype)
            factor += h_row * tl.load(keep + slot + k) * tl.sigmoid(highest - z_k + log_rest)

    # Every class as if it were not mixed in, then those that are, then what slots take off: a
    # class may stand in several slots, of which only one is set here and all are subtracted.
    out = tl.exp(tl.minimum(x - highest - log_rest, 0.0)) * factor
    for k in tl.static_range(K):
        is_mixed = (columns == tl.load(classes + slot + k)) & tl.load(once + slot + k)
        out = tl.where(is_mixed, total * tl.exp(x - largest - lse), out)
    for k in tl.static_range(K):
        class_k = tl.load(classes + slot + k)
        z_k = _logit(z, class_k, C).to(dtype)
        pull = h_row * tl.load(keep + slot + k) * tl.sigmoid(highest - z_k + log_rest)
        pull += g_row * tl.load(target + slot + k)
        out -= tl.where(columns == class_k, pull, 0.0)
    if smoothing is not None:
        even = g_row * tl.load(smoothing + row) / C
        if class_weight is not None:
            out -= even * tl.load(class_weight + columns, mask=inside, other=0.0).to(dtype)
        else:
            out -= even
    # The gradient is contiguous: C is a constant, so the compiler knows how rows are aligned.
    tl.store(grad + row * C + columns, out.to(grad.dtype.element_ty), mask=inside)
