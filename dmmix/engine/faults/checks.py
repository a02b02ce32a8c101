"""Whether gradients, weights and buffers are finite, without waiting for the answer."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapperDict
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

_SMALLEST_SCALE = 1e-4  # 30 halvings in a row from 2 ** 16: no scale lets these gradients through


@torch.no_grad()
def mark_bad_gradients(optimizer: torch.optim.Optimizer, flag: Tensor, one: Tensor) -> None:
    """Sets ``flag``, (1,) float32, to something else than 0 if a gradient is not finite; ``one`` is
    a 1 of its kind beside it."""
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
    no gradient needs, that is not usual any more. ``flag`` is that of :func:`mark_bad_gradients`.
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


class StateCheck:
    """Looks at weights and floating-point buffers of a network.

    Buffers that are not finite when it is made are masks, and so by design; but the statistics of
    norm layers never are. It reads from the device when it is made, and in :meth:`bad`.
    """

    def __init__(self, model: nn.Module) -> None:
        # Where they are, and not what: some buffers are replaced in a step. To find them again and
        # again by name takes longer than to look at them.
        self._weights: dict[str, tuple[dict, str]] = {}
        self._buffers: dict[str, tuple[dict, str]] = {}
        statistics = set()
        for path, module in model.named_modules():
            for places, own in (
                (self._weights, module._parameters),
                (self._buffers, module._buffers),
            ):
                for key, tensor in own.items():
                    if tensor is None or nn.parameter.is_lazy(tensor) or not _counts(tensor):
                        continue
                    name = f"{path}.{key}" if path else key
                    places[name] = (own, key)
                    if isinstance(module, _NormBase):
                        statistics.add(name)
        for name in _not_finite(_tensors(self._buffers)):
            if name not in statistics:
                del self._buffers[name]

    @torch.no_grad()
    def norm(self) -> Tensor | None:
        """The largest L2 norm of them, (), still on the device.

        Finite only if all of them are; a very large one may overflow, so :meth:`bad` decides.
        """
        norms: dict[torch.device, list[Tensor]] = {}
        for tensor in _tensors({**self._weights, **self._buffers}).values():
            norms.setdefault(tensor.device, []).append(tensor)
        found = [torch.stack(torch._foreach_norm(t, dtype=torch.float32)) for t in norms.values()]
        return torch.cat([norm.to(found[0].device) for norm in found]).amax() if found else None

    @torch.no_grad()
    def bad(self) -> dict[str, list[str]]:
        """Names of what is not finite, ``weights`` and ``buffers``."""
        return {
            "weights": _not_finite(_tensors(self._weights)),
            "buffers": _not_finite(_tensors(self._buffers)),
        }


def _counts(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and tensor.layout is torch.strided and tensor.numel() > 0


def _tensors(places: dict[str, tuple[dict, str]]) -> dict[str, Tensor]:
    found = {name: own.get(key) for name, (own, key) in places.items()}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


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
