"""A model in another mode for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode while it holds; then each module is in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """While it holds, BatchNorm layers in training mode normalise with the statistics of the batch
    as always, and do not add them to their running ones.

    For passes that only make targets: what a network is tested with comes from what it learns from.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]
    layers = [layer for layer in layers if layer.track_running_stats]
    try:
        for layer in layers:
            layer.track_running_stats = False
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True
