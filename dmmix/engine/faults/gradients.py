"""Whether all gradients of an update are finite, without waiting for the answer."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapperDict
from torch import Tensor

__all__ = ["GradientCheck", "mark_bad_gradients"]

_SMALLEST_SCALE = 1e-4  # 30 halvings in a row from 2 ** 16: no scale lets these gradients through


@torch.no_grad()
def mark_bad_gradients(optimizer: torch.optim.Optimizer, flag: Tensor, one: Tensor) -> None:
    """Sets ``flag``, (1,) float32, to something else than 0 if a gradient is not finite.

    Args:
        optimizer: that of the gradients.
        flag: on their device; stays as it is if all are finite.
        one: (1,) float32, a 1 beside it.
    """
    grads = [
        grad
        for group in optimizer.param_groups
        for weight in group["params"]
        if (grad := weight.grad) is not None
    ]
    if not grads:
        return
    try:
        # What torch's GradScaler does each step, here with a scale of 1: one pass over all, which
        # for a small network is three times as fast as their norms, and overflows nowhere.
        torch._amp_foreach_non_finite_check_and_unscale_(grads, flag, one)
    except (RuntimeError, NotImplementedError):  # sparse ones; several devices or dtypes
        for grad in grads:
            values = grad._values() if grad.layout is torch.sparse_coo else grad
            flag += (~torch.isfinite(values)).any().to(flag.device)


class GradientCheck:
    """Looks at the gradients of each update of a run, right before it.

    Where the gradients are those of a scaled loss (float16), some that are not finite are usual,
    and the update is left out. There the scale is looked at instead: when it has become as small as
    no gradient needs, that is not usual any more.

    Args:
        optim_wrapper: of the run; its optimisers get a hook.
        flag: see :func:`mark_bad_gradients`.
    """

    def __init__(self, optim_wrapper: Any, flag: Tensor) -> None:
        several = isinstance(optim_wrapper, OptimWrapperDict)
        wrappers = list(optim_wrapper.values()) if several else [optim_wrapper]
        self._flag, self._one = flag, torch.ones_like(flag)
        self._scalers = []
        self._handles = []
        for wrapper in wrappers:
            if isinstance(wrapper, AmpOptimWrapper):
                self._scalers.append(wrapper.loss_scaler)
            elif getattr(wrapper, "scaler", None) is not None:
                self._scalers.append(wrapper.scaler)
            else:
                self._handles.append(wrapper.optimizer.register_step_pre_hook(self._look))

    def _look(self, optimizer: torch.optim.Optimizer, *args: Any) -> None:
        mark_bad_gradients(optimizer, self._flag, self._one)

    def look_at_scales(self) -> None:
        """To be called after each step."""
        for scaler in self._scalers:
            scale = getattr(scaler, "_scale", None)  # get_scale() would wait for the device
            if scale is not None:
                self._flag += (scale < _SMALLEST_SCALE).to(self._flag.device)

    def remove(self) -> None:
        """Takes the hooks away."""
        for handle in self._handles:
            handle.remove()
