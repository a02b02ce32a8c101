"""What a hand-written gradient says when a gradient of it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor


def gradient_of_logits(
    gradient: Callable[..., Tensor],
    ctx: Any,
    g: Tensor | None,
    h: Tensor | None,
    *more: Tensor | None,
) -> tuple[Tensor | None, ...]:
    """What the backward of a kernel's :class:`torch.autograd.Function` returns: a gradient for its
    first input, the logits, alone.

    Args:
        gradient: called with ``g``, ``h``, what was saved for backward, and ``more``.
        ctx: of the function.
        g, h: gradients of the mixup cross entropy and of the decoupled term, (N,) or none.

    Raises:
        RuntimeError: in the backward of what is returned (``create_graph=True``, and then a
            derivative of the gradient).
    """
    others = (None,) * (len(ctx.needs_input_grad) - 1)
    if not ctx.needs_input_grad[0] or (g is None and h is None):
        return None, *others
    # Only with create_graph=True is anything recorded during backward.
    if torch.is_grad_enabled():
        return _FirstOrderOnly.apply(gradient, g, h, *ctx.saved_tensors, *more), *others
    return gradient(g, h, *ctx.saved_tensors, *more), *others


class _FirstOrderOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Callable[..., Tensor], *args: Tensor | None) -> Tensor:
        return gradient(*args)

    @staticmethod
    def backward(ctx: Any, *_: Any) -> NoReturn:
        raise RuntimeError(
            "the single-pass form of the loss has no second derivative; backend='eager' has it"
        )
