"""The first part of a cosine, as the semi-supervised literature decays its learning rate."""

from __future__ import annotations

import math
from typing import Any

from mmengine.optim.scheduler import CosineAnnealingLR

from dmmix.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class PartialCosineLR(CosineAnnealingLR):
    r"""Learning rate :math:`\eta_0 \cos(\pi f \, t / T)`, with :math:`f = 7/16` by default.

    It ends at :math:`\cos(7 \pi / 16) = 0.195` of where it began, and stays there after :math:`T`.

    Args:
        optimizer: of mmengine or torch.
        T_max: :math:`T`, in epochs or iterations as ``by_epoch`` says, at least 1; with
            ``convert_to_iter_based=True`` given in epochs and followed in iterations.
        fraction: :math:`f`, above 0 and at most 0.5.
        others: ``begin``, ``end``, ``by_epoch``, ``last_step`` as for mmengine's schedulers.

    Raises:
        ValueError: ``T_max`` or ``fraction`` out of range.

    Source: FixMatch (arXiv 2001.07685), section 2.4.
    """

    def __init__(
        self, optimizer: Any, *args: Any, T_max: int, fraction: float = 7 / 16, **kwargs: Any
    ) -> None:
        if T_max < 1:
            raise ValueError(f"T_max must be at least 1, got {T_max}")
        if not 0 < fraction <= 0.5:
            raise ValueError(f"fraction must be above 0 and at most 0.5, got {fraction}")
        self.fraction = fraction
        super().__init__(optimizer, *args, T_max=T_max, **kwargs)

    def _get_value(self) -> list[float]:
        # From the start, not from the value before: nothing is lost where it stands still.
        factor = math.cos(math.pi * self.fraction * min(self.last_step, self.T_max) / self.T_max)
        start = f"initial_{self.param_name}"
        return [group[start] * factor for group in self.optimizer.param_groups]
