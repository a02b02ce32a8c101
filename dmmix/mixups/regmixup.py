"""RegMixup, registered."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Generator, Tensor

from dmmix.functional import MixedLabels, mixing
from dmmix.functional.ranges import NonNegative
from dmmix.functional.tensors.layout import is_channels_last
from dmmix.mixups.base import Mix, build_mix
from dmmix.registry import MIXUPS

__all__ = ["RegMixup"]


@MIXUPS.register_module()
class RegMixup(Mix):
    r"""The loss on clean samples plus the loss on their mixes:
    :math:`L = L_\mathrm{clean} + \eta L_\mathrm{mixed}`.

    A batch of N samples becomes one of 2N, the clean half first, so a step costs twice as much. The
    weights of the samples (:attr:`.Mixed.weights`) make the mean loss of the 2N that sum.

    Args:
        mixup: the mix, or its config; ``None`` is ``dict(type='Mixup', alpha=20)``, the authors'
            for CIFAR-10. They use ``alpha=10`` for CIFAR-100.
        eta: weight of the mixed loss, 0 or more.

    Raises:
        KeyError: an unknown type of mix.
        TypeError: a mix that is not one of dmmix; an ``eta`` that is no number.
        ValueError: an ``eta`` that is negative or not finite; a mix that changes the number of
            samples itself.

    Example::

        model = dict(mixup=dict(type='RegMixup', mixup=dict(type='Mixup', alpha=10)))

    Source: RegMixup (arXiv 2206.14502).
    """

    changes_batch = True

    def __init__(self, mixup: Mapping | Mix | None = None, eta: NonNegative = 1.0) -> None:
        super().__init__()
        self.mixup = build_mix({"type": "Mixup", "alpha": 20.0} if mixup is None else mixup)
        if self.mixup.changes_batch:
            raise ValueError(
                f"mixup must leave the number of samples as it is, got {type(self.mixup).__name__}"
            )
        self.eta = float(eta)

    @property
    def needs_guide(self) -> bool:
        return self.mixup.needs_guide

    @property
    def mixes_features(self) -> bool:
        return self.mixup.mixes_features

    def apply(
        self, images: Tensor, labels: MixedLabels | Tensor, generator: Generator, guide: Any
    ) -> mixing.Mixed:
        # What the mix does in the network, or reads there, is of the second half.
        with nullcontext() if guide is None else guide.last(images.shape[0]):
            mixed = self.mixup.mix(images, labels, generator, guide)
        out = self._both(images, mixed.images)
        return mixing.regmixup(images, labels, mixed, self.eta, out=out, check=False)

    def _both(self, images: Tensor, mixed: Tensor) -> Tensor | None:
        """Memory for both halves, in the memory format of the images."""
        if torch.is_grad_enabled() and (images.requires_grad or mixed.requires_grad):
            return None
        if images.device.type != "cpu" or torch.compiler.is_compiling():
            return None
        last = is_channels_last(images)
        like = torch.empty(
            (2 * images.shape[0], *images.shape[1:]),
            dtype=images.dtype,
            memory_format=torch.channels_last if last else torch.contiguous_format,
        )
        return self.buffer(like)
