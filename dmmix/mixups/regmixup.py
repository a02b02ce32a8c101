"""RegMixup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from dmmix.functional import mixing
from dmmix.functional.labels import Labels
from dmmix.functional.mixing import Mixed
from dmmix.functional.ranges import NonNegative
from dmmix.functional.tensors.layout import is_channels_last
from dmmix.mixups.base import Mix, build_mix
from dmmix.mixups.mixup import Mixup


class RegMixup(Mix):
    r"""The loss on clean samples plus the loss on their mixes:
    :math:`L = L_\mathrm{clean} + \eta L_\mathrm{mixed}`.

    A batch of N samples becomes one of 2N, the clean half first, so a step costs twice as much. The
    weights of the samples (:attr:`.Mixed.weights`) make the mean loss of the 2N that sum.

    Args:
        mixup: the mix, or its config; ``None`` is ``Mixup(alpha=20)``, the authors'
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
        self.mixup = build_mix(Mixup(alpha=20.0) if mixup is None else mixup)
        if self.mixup.changes_batch:
            raise ValueError(
                f"mixup must leave the number of samples as it is, got {type(self.mixup).__name__}"
            )
        self.eta = float(eta)

    @property
    def needs(self) -> frozenset[str]:
        return self.mixup.needs

    def draw(self, n: int, size: tuple[int, ...], generator: Generator) -> Any:
        return self.mixup.draw(n, size, generator)

    def ask(self, guide: Any, images: Tensor, labels: Labels, draws: Any) -> Any:
        return self.mixup.ask(guide, images, labels, draws)

    def blend(self, images: Tensor, labels: Labels, draws: Any, answers: Any = None) -> Mixed:
        mixed = self.mixup.blend(images, labels, draws, answers)
        out = self._both(images, mixed.images)
        return mixing.regmixup(images, labels, mixed, self.eta, out=out, check=False)

    def _both(self, images: Tensor, mixed: Tensor) -> Tensor | None:
        """Memory for both halves, in the memory format of the images."""
        if images.device.type != "cpu" or images.requires_grad or mixed.requires_grad:
            return None
        last = torch.channels_last if is_channels_last(images) else torch.contiguous_format
        size = 2 * images.shape[0], *images.shape[1:]
        return self.buffer(torch.empty(size, dtype=images.dtype, memory_format=last))
