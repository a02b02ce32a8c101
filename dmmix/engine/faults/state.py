"""Which weights and buffers of a network are not finite."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

__all__ = ["StateCheck"]


class StateCheck:
    """Looks at weights and floating-point buffers of a network.

    Buffers that are not finite when it is made are masks, and so by design; but the statistics of
    norm layers never are. It reads from the device when it is made, and in :meth:`bad`.

    Args:
        model: whose weights and buffers, of now, are looked at.
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
