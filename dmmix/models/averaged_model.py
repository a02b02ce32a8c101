"""The moving average of a model: weights and buffers, in a few kernels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from mmengine.model import ExponentialMovingAverage as StockAverage
from torch import Tensor, nn

from dmmix.registry import MODELS


@MODELS.register_module()
class ExponentialMovingAverage(StockAverage):
    """:class:`mmengine.model.ExponentialMovingAverage`, all weights at once, nobody waiting.

    ``average = (1 - momentum) * average + momentum * weight``; the first update copies. With
    ``update_buffers`` floating-point buffers (statistics of BatchNorm) are averaged as the weights
    are, and integer ones (``num_batches_tracked``) copied; mmengine's leaves those at their first
    value, and reads the number of updates from the device each time.

    Args:
        model: what is averaged; a copy is kept.
        momentum: the share of the new weights.
        interval: updates between two that count.
        device: of the copy; that of the model by default.
        update_buffers: average buffers too; else they are copied.
    """

    def __init__(
        self,
        model: nn.Module,
        momentum: float = 0.0002,
        interval: int = 1,
        device: torch.device | None = None,
        update_buffers: bool = False,
    ) -> None:
        super().__init__(model, momentum, interval, device, update_buffers)
        self._count: int | None = None  # that of self.steps, where it is known
        self.register_load_state_dict_post_hook(_forget_count)

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Takes the weights of ``model`` into the average."""
        if self._count is None:
            self._count = int(self.steps)
        due = self._count % self.interval == 0
        weights = _pairs(self.module.named_parameters(), model.named_parameters())
        buffers = _pairs(self.module.named_buffers(), model.named_buffers())
        averaged = (weights if due else []) + (buffers if due and self.update_buffers else [])
        copied = [] if self.update_buffers else buffers
        if self._count == 0:
            copied, averaged = copied + averaged, []
        _copy(copied + [pair for pair in averaged if not pair[0].is_floating_point()])
        _lerp([pair for pair in averaged if pair[0].is_floating_point()], self.momentum)
        self.steps += 1
        self._count += 1

    def restart(self, model: nn.Module) -> None:
        """Becomes a copy of ``model``, and counts its updates from there."""
        self.steps.zero_()
        self._count = 0
        self.update_parameters(model)


_Named = Iterable[tuple[str, Tensor]]
_Pairs = list[tuple[Tensor, Tensor]]


def _pairs(ours: _Named, theirs: _Named) -> _Pairs:
    """Tensors of the average with those of the model, where the average is."""
    by_name = dict(theirs)
    return [(tensor, by_name[name].to(tensor.device)) for name, tensor in ours]


def _copy(pairs: _Pairs) -> None:
    if pairs:
        torch._foreach_copy_([ours for ours, _ in pairs], [theirs for _, theirs in pairs])


def _lerp(pairs: _Pairs, weight: float) -> None:
    if pairs:
        torch._foreach_lerp_([ours for ours, _ in pairs], [theirs for _, theirs in pairs], weight)


def _forget_count(module: ExponentialMovingAverage, incompatible: Any) -> None:
    module._count = None
