"""Tensors out of checkpoints: views of storages that the loader has read, within their bounds."""

import math
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import torch

from dmmix.compat.unpickling import Name, Open

#: What a small file may inflate to: elements of a tensor whose strides are 0 (``expand``).
_MAX_REPEATED = 2**26
_MAX_DIMENSIONS = 64


class Storage:
    """A storage and the type of its elements; it stands in the arguments of tensors only."""

    __slots__ = ("data", "dtype")

    def __init__(self, data: torch.UntypedStorage, dtype: torch.dtype) -> None:
        self.data, self.dtype = data, dtype


class _Old(Open):
    """A tensor of PyTorch before 0.4, whose content is its state."""

    def __init__(self, parameter: bool) -> None:
        self.parameter = parameter

    def finish(self, state: Any) -> torch.Tensor:
        if type(state) is tuple and len(state) == 4:
            data = _tensor(*state)
        elif type(state) is tuple and len(state) == 5 and type(state[0]) is torch.Tensor:
            data = state[0]  # then the gradient, hooks, requires_grad and a flag
        else:
            raise UnpicklingError("a tensor with an unknown state is not allowed")
        return torch.nn.Parameter(data, data.is_floating_point()) if self.parameter else data


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, dtype: Any = None) -> torch.Tensor:
    if type(storage) is not Storage:
        raise UnpicklingError("a tensor without a storage is not allowed")
    dtype = storage.dtype if dtype is None else dtype
    if type(dtype) is not torch.dtype:
        raise UnpicklingError("a tensor of an unknown type is not allowed")
    size, stride = tuple(size), tuple(stride)
    whole = all(type(n) is int and 0 <= n < 2**62 for n in (offset, *size, *stride))
    if not whole or len(size) != len(stride) or len(size) > _MAX_DIMENSIONS:
        raise UnpicklingError("a tensor with a wrong shape is not allowed")
    held = storage.data.nbytes() // dtype.itemsize
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    empty = math.prod(size) == 0
    if (not empty and last >= held) or math.prod(n or 1 for n in size) > max(held, _MAX_REPEATED):
        raise UnpicklingError("a tensor that is larger than its storage")
    if empty and offset > held:
        raise UnpicklingError("a tensor outside its storage")
    if dtype is not storage.dtype and storage.data.data_ptr() % dtype.itemsize:
        raise UnpicklingError("a tensor that lies across the bounds of its elements")
    data = storage.data
    if dtype is torch.float64 and data.device.type == "mps":
        data = data.cpu()  # MPS has none; log histories are of it
    return torch.empty((0,), dtype=dtype, device=data.device).set_(data, offset, size, stride)


def _v2(
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any = False,
    hooks: Any = None,
    metadata: Any = None,
) -> torch.Tensor:
    return _tensor(storage, offset, size, stride).requires_grad_(_flag(requires_grad))


def _v3(
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> torch.Tensor:
    return _tensor(storage, offset, size, stride, dtype).requires_grad_(_flag(requires_grad))


# Hooks and attributes of a parameter are dropped: no weight needs them.
def _parameter(
    data: Any, requires_grad: Any = True, hooks: Any = None, state: Any = None
) -> torch.nn.Parameter:
    if type(data) is not torch.Tensor:
        raise UnpicklingError("a parameter without a tensor is not allowed")
    return torch.nn.Parameter(data.detach(), _flag(requires_grad))


def _with_attributes(
    function: Any = None, kind: Any = None, args: Any = None, state: Any = None
) -> torch.Tensor:
    """A tensor that somebody has put attributes on; without them."""
    plain = type(kind) is Name and kind.full in ("torch.Tensor", "torch.nn.parameter.Parameter")
    if type(function) is not Name or function.full not in _REBUILT or not plain:
        raise UnpicklingError(f"a tensor of a class of its own ({kind!r})"[:100])
    if type(args) is not tuple:
        raise UnpicklingError("a tensor without arguments is not allowed")
    return _REBUILT[function.full](*args)


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise UnpicklingError("requires_grad must be true or false")
    return value


def _size(numbers: Any = ()) -> torch.Size:
    if type(numbers) is not tuple or not all(type(n) is int and 0 <= n < 2**62 for n in numbers):
        raise UnpicklingError("a size that is none")
    return torch.Size(numbers)


def _device(kind: Any = "cpu", index: Any = None) -> torch.device:
    if type(kind) is not str or type(index) not in (int, type(None)):
        raise UnpicklingError("a device that is none")
    return torch.device(kind) if index is None else torch.device(kind, index)


_REBUILT: dict[str, Callable] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _v2,
    "torch._utils._rebuild_tensor_v3": _v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
}
_TYPES = {
    **dict(Double=torch.float64, Float=torch.float32, Half=torch.float16, BFloat16=torch.bfloat16),
    **dict(Long=torch.int64, Int=torch.int32, Short=torch.int16, Char=torch.int8, Byte=torch.uint8),
    **dict(Bool=torch.bool, ComplexDouble=torch.complex128, ComplexFloat=torch.complex64),
}
#: The type of the elements by the name of a storage's class.
STORAGES = {
    "torch.storage.UntypedStorage": torch.uint8,
    **{f"torch.{name}Storage": dtype for name, dtype in _TYPES.items()},
    **{f"torch.cuda.{name}Storage": dtype for name, dtype in _TYPES.items()},
}
#: What a name of PyTorch makes; None: it stands in the arguments of others only.
TENSORS: dict[str, Callable | None] = {
    **_REBUILT,
    **dict.fromkeys(STORAGES),
    "torch._tensor._rebuild_from_type_v2": _with_attributes,
    "torch.Size": _size,
    "torch.device": _device,
    "torch.Tensor": lambda: _Old(parameter=False),
    "torch.nn.parameter.Parameter": lambda: _Old(parameter=True),
    **{f"torch.{name}Tensor": lambda: _Old(parameter=False) for name in _TYPES},
    **{f"torch.cuda.{name}Tensor": lambda: _Old(parameter=False) for name in _TYPES},
}
