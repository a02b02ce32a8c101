"""What a hand-written gradient says when a gradient of it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor

__all__ = ["once_differentiable_gradient"]


def once_differentiable_gradient(gradient: Callable[..., Tensor], *args: Tensor | None) -> Tensor:
    """``gradient(*args)``, for the backward of an :class:`torch.autograd.Function`.

    Raises:
        RuntimeError: in the backward of what is returned (``create_graph=True``, and then a
            derivative of the gradient).
    """
    # Only with create_graph=True is anything recorded during backward.
    if torch.is_grad_enabled():
        return _FirstOrderOnly.apply(gradient, *args)
    return gradient(*args)


class _FirstOrderOnly(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Callable[..., Tensor], *args: Tensor | None) -> Tensor:
        return gradient(*args)

    @staticmethod
    def backward(ctx: Any, *_: Any) -> NoReturn:
        raise RuntimeError(
            "the single-pass form of the loss has no second derivative; backend='eager' has it"
        )
