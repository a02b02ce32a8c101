"""Memory for mixed images, used again and again.

On a CPU a fresh tensor of a few megabytes costs more than what is written into it: the system
hands its pages out one by one. (On a GPU torch's allocator does what this does.)
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor

_LIMIT = 3  # one in the running step, one that its graph still holds, one to spare


class Buffers:
    """Gives out tensors and takes them back by itself, once nothing else holds them.

    A tensor is given out again only when no Python object, no view, no other tensor of the same
    storage and no autograd graph refers to it any more.
    """

    def __init__(self) -> None:
        self._tensors: list[Tensor] = []

    def take(self, like: Tensor) -> Tensor | None:
        """A tensor like this one to write into; ``None`` where a fresh one is as good.

        That is on other devices than the CPU, under ``torch.compile``, and where a gradient has
        to flow through what is written.
        """
        if (
            torch.compiler.is_compiling()
            or like.device.type != "cpu"
            or (like.requires_grad and torch.is_grad_enabled())
            or type(like) is not Tensor
            or not _CAN_COUNT
        ):
            return None
        for k in range(len(self._tensors)):  # not over the tensors: the loop would refer to one
            if _alike(self._tensors[k], like) and _references(self._tensors, k) == _IDLE:
                return self._tensors[k]
        fresh = torch.empty_like(like, requires_grad=False)
        self._tensors = [*self._tensors[1 - _LIMIT :], fresh]
        return fresh

    def __deepcopy__(self, memo: dict) -> Buffers:
        return Buffers()

    def __reduce__(self) -> tuple:
        return Buffers, ()


def _alike(tensor: Tensor, like: Tensor) -> bool:
    return (
        not tensor.requires_grad
        and tensor.shape == like.shape
        and tensor.dtype == like.dtype
        and tensor.stride() == torch.empty_like(like, device="meta").stride()
    )


def _references(tensors: list[Tensor], k: int) -> tuple[int, ...]:
    """How many refer to a tensor and to its storage, from Python and from within torch."""
    storage = tensors[k].untyped_storage()
    return (
        sys.getrefcount(tensors[k]),
        tensors[k]._use_count(),  # type: ignore[attr-defined]
        sys.getrefcount(storage),
        torch._C._storage_Use_Count(storage._cdata),
    )


_CAN_COUNT = hasattr(torch._C, "_storage_Use_Count") and hasattr(Tensor, "_use_count")
# What is counted for a tensor that nobody has but the list.
_IDLE = _references([torch.empty(1)], 0) if _CAN_COUNT else ()
