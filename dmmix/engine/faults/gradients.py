"""One number for all gradients of an update, still on the device."""

from __future__ import annotations

import math
from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapperDict
from torch import Tensor

__all__ = ["GradientNorms", "gradient_norm"]

_SMALLEST_SCALE = 1e-4  # 30 halvings in a row from 2 ** 16: no scale lets these gradients through


def gradient_norm(optimizer: torch.optim.Optimizer) -> Tensor | None:
    """The largest of the L2 norms of the gradients, (), float32; None where there are none.

    It is finite if and only if all of them are (and their squares fit into float32).
    """
    return largest_norm(
        weight.grad
        for group in optimizer.param_groups
        for weight in group["params"]
        if weight.grad is not None
    )


@torch.no_grad()
def largest_norm(tensors: Any) -> Tensor | None:
    """The largest L2 norm of some floating-point tensors, (); NaN if one is; None if none is."""
    tensors = [tensor for tensor in tensors if tensor.layout is torch.strided]
    if not tensors:
        return None
    # The inf-norm, which cannot overflow, takes ten times as long on a CPU.
    norms = torch._foreach_norm(tensors, dtype=torch.float32)
    if len({norm.device for norm in norms}) > 1:
        norms = [norm.to(norms[0].device) for norm in norms]
    return torch.stack(norms).amax()


class GradientNorms:
    """Measures the gradients of each update of a run, right before it.

    Where the gradients are those of a scaled loss (float16), some that are not finite are usual,
    and the update is left out. There the scale is looked at instead: when it has become as small as
    no gradient needs, that is not usual any more.

    Args:
        optim_wrapper: of the run; its optimisers get a hook.
    """

    def __init__(self, optim_wrapper: Any) -> None:
        several = isinstance(optim_wrapper, OptimWrapperDict)
        wrappers = list(optim_wrapper.values()) if several else [optim_wrapper]
        self._scalers = []
        self._norm: Tensor | None = None
        self._handles = []
        for wrapper in wrappers:
            if getattr(wrapper, "scaler", None) is not None:
                self._scalers.append(wrapper.scaler)
            elif not isinstance(wrapper, AmpOptimWrapper):
                hook = wrapper.optimizer.register_step_pre_hook(self._measure)
                self._handles.append(hook)
            else:
                self._scalers.append(wrapper.loss_scaler)

    def _measure(self, optimizer: torch.optim.Optimizer, *args: Any) -> None:
        norm = gradient_norm(optimizer)
        if norm is not None:
            self._norm = norm if self._norm is None else self._norm + norm

    def pop(self) -> Tensor | None:
        """What was measured since the last call, (): not finite if a gradient was not."""
        norm, self._norm = self._norm, None
        for scaler in self._scalers:
            scale = getattr(scaler, "_scale", None)  # get_scale() would wait for the device
            if scale is not None:
                small = torch.where(scale < _SMALLEST_SCALE, math.nan, 0.0)
                norm = small.reshape(()) if norm is None else norm + small.reshape(())
        return norm

    def remove(self) -> None:
        """Takes the hooks away."""
        for handle in self._handles:
            handle.remove()
