"""The update of the weights: precision, and gradient norms that nobody waits for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from dmmix.registry import OPTIM_WRAPPERS

__all__ = ["StepOptimWrapper"]

_DTYPES = {"fp32": None, "bf16": torch.bfloat16}


@OPTIM_WRAPPERS.register_module()
class StepOptimWrapper(OptimWrapper):
    """:class:`mmengine.optim.OptimWrapper` in fp32 or in bfloat16, on any device.

    The norm that ``clip_grad`` measures stays on the device until it is logged. For float16 with
    its scaled loss take mmengine's ``AmpOptimWrapper``.

    Args:
        precision: ``'fp32'``, or ``'bf16'`` for autocast to bfloat16 in the forward pass.
        others: those of :class:`mmengine.optim.OptimWrapper`.

    Raises:
        ValueError: another ``precision``.
    """

    def __init__(self, *args: Any, precision: str = "fp32", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if precision not in _DTYPES:
            raise ValueError(f"precision must be one of {sorted(_DTYPES)}, got {precision!r}")
        self.precision = precision
        self._scalars: dict[str, Tensor] = {}

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """What the forward pass runs in."""
        with super().optim_context(model):
            dtype = _DTYPES[self.precision]
            if dtype is None:
                yield
            else:
                device = next(model.parameters()).device.type
                with torch.autocast(device, dtype):
                    yield

    def pop_scalars(self) -> dict[str, Tensor]:
        """What was measured since the last call, by name; the values are still on the device."""
        scalars, self._scalars = self._scalars, {}
        return scalars

    def _clip_grad(self) -> None:
        weights = [
            weight
            for group in self.optimizer.param_groups
            for weight in group["params"]
            if weight.requires_grad and weight.grad is not None
        ]
        if weights:
            norm = self.clip_func(weights, **self.clip_grad_kwargs)
            if norm is not None:  # clipping by value measures none
                self._scalars[self.grad_name] = norm.detach()
