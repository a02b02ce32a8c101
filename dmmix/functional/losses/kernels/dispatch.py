"""Picks the form of the loss terms: readable torch operations, or a single pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Literal

import torch
from torch import Tensor

from dmmix.functional.losses.kernels.cpu import cpu_terms
from dmmix.functional.losses.kernels.cpu_small import FEW_LOGITS, small_terms
from dmmix.functional.losses.kernels.eager import eager_terms
from dmmix.functional.losses.slots import Slots
from dmmix.functional.tensors.dtypes import at_least_float32

Backend = Literal["auto", "eager", "single_pass"]


def mixup_terms(
    logits: Tensor, slots: Slots, class_weight: Tensor | None, backend: Backend
) -> tuple[Tensor, Tensor]:
    """Mixup cross entropy and decoupled term of each sample, (N,) each.

    ``'auto'`` takes a single pass where there is one, and torch operations where it lacks
    something: while compiling or tracing, under :mod:`torch.func` transforms, for tensor
    subclasses, for labels or class weights that need a gradient.

    Raises:
        ValueError: an unknown backend, or ``'single_pass'`` where there is none.
        RuntimeError: in a second backward through the single pass; ``'eager'`` supports it.
    """
    if backend not in ("auto", "eager", "single_pass"):
        raise ValueError(f"backend must be 'auto', 'eager' or 'single_pass', got {backend!r}")
    if backend != "eager":
        obstacle = _obstacle(logits, slots, class_weight)
        if obstacle is None:
            if logits.device.type == "cuda":
                return _triton_terms()(logits, slots, class_weight)
            if _are_few(logits, slots):
                return small_terms(logits, slots)
            return cpu_terms(logits, slots, class_weight)
        if backend == "single_pass":
            raise ValueError(
                f"backend='single_pass' does not support {obstacle}: it takes float16, bfloat16, "
                "float32 or float64 logits, on the CPU or with Triton on CUDA, and gives a "
                "gradient to the logits only; use backend='eager' or 'auto'"
            )
    z = at_least_float32(logits)
    return eager_terms(z, slots, class_weight)


def _obstacle(logits: Tensor, slots: Slots, class_weight: Tensor | None) -> str | None:
    """What stands in the way of a single pass, in words; ``None`` if nothing does."""
    # The compiler fuses the torch operations by itself, and can't look into a kernel of ours.
    if torch.compiler.is_compiling():
        return "torch.compile and torch.export"
    if torch.jit.is_tracing():
        return "torch.jit tracing"
    # There is no public way to ask whether grad, vmap or jvp is at work.
    if torch._C._are_functorch_transforms_active():
        return "torch.func transforms"
    if type(logits) is not Tensor and type(logits) is not torch.nn.Parameter:
        return f"logits of type {type(logits).__name__}"
    if logits.dtype not in (torch.float32, torch.bfloat16, torch.float16, torch.float64):
        return f"{logits.dtype} logits"
    if torch.is_grad_enabled() and _needs_gradient(slots, class_weight):
        return "labels or class weights that need a gradient"
    if logits.device.type == "cpu":
        return None
    if logits.device.type != "cuda":
        return f"logits on {logits.device}"
    return None if _has_triton() else f"logits on {logits.device} without Triton"


def _are_few(logits: Tensor, slots: Slots) -> bool:
    return (
        logits.numel() <= FEW_LOGITS
        and slots.smoothing is None
        and logits.dtype == slots.target.dtype
    )


def _needs_gradient(slots: Slots, class_weight: Tensor | None) -> bool:
    tensors = (slots.target, slots.keep, slots.smoothing, class_weight)
    return any(tensor is not None and tensor.requires_grad for tensor in tensors)


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def _triton_terms() -> Callable[[Tensor, Slots, Tensor | None], tuple[Tensor, Tensor]]:
    # Imported on first use: Triton is an option, and slow to import.
    from dmmix.functional.losses.kernels.triton_terms import triton_terms

    return triton_terms
