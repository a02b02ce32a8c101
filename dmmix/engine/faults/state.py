"""Which weights and buffers of a network are not finite."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from dmmix.engine.faults.gradients import largest_norm

__all__ = ["bad_state", "masks_of", "norms_of_state"]


def norms_of_state(model: nn.Module, ignored: Collection[str] = ()) -> Tensor | None:
    """The largest L2 norm of weights and floating-point buffers, (), still on the device.

    Finite only if all of them are; a very large one may overflow, so :func:`bad_state` decides.
    """
    return largest_norm(tensor for _, tensor in _state(model, ignored))


def bad_state(model: nn.Module, ignored: Collection[str] = ()) -> dict[str, list[str]]:
    """Names of what is not finite, ``weights`` and ``buffers``; reads from the device."""
    weights = {name for name, _ in model.named_parameters()}
    found: dict[str, list[str]] = {"weights": [], "buffers": []}
    for name in _not_finite(dict(_state(model, ignored))):
        found["weights" if name in weights else "buffers"].append(name)
    return found


def masks_of(model: nn.Module) -> set[str]:
    """Buffers that are not finite by design: all such but the statistics of norm layers."""
    statistics = {
        f"{name}.{own}" if name else own
        for name, module in model.named_modules()
        if isinstance(module, _NormBase)
        for own, _ in module.named_buffers(recurse=False)
    }
    weights = {name for name, _ in model.named_parameters()}
    others = dict(_state(model, statistics | weights))
    return set(_not_finite(others))


def _not_finite(tensors: dict[str, Tensor]) -> list[str]:
    """Their names; one transfer for each device."""
    flags: dict[torch.device, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        flags.setdefault(tensor.device, {})[name] = torch.isfinite(tensor).all()
    bad: set[str] = set()
    for found in flags.values():
        good = torch.stack(list(found.values())).tolist()
        bad |= {name for name, fine in zip(found, good, strict=True) if not fine}
    return [name for name in tensors if name in bad]


def _state(model: nn.Module, ignored: Collection[str]) -> Iterator[tuple[str, Tensor]]:
    for tensors in (model.named_parameters(), model.named_buffers()):
        for name, tensor in tensors:
            lazy = nn.parameter.is_lazy(tensor)
            if not lazy and tensor.is_floating_point() and name not in ignored:
                yield name, tensor.detach()
