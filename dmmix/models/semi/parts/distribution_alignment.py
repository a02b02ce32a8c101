"""The running mean of predictions, and predictions aligned by it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from dmmix.arguments import Checked
from dmmix.functional.ranges import Count
from dmmix.functional.semi import align_distribution

__all__ = ["DistributionAlignment"]


class DistributionAlignment(Checked, nn.Module):
    r"""Distribution alignment by the mean of the last predictions.

    :math:`\tilde p_c \propto p_c \, t_c / r_c`, where :math:`r` is the mean prediction of the last
    ``window`` batches, this one included, over all processes.

    Args:
        num_classes: C, at least 1.
        window: batches, at least 1.
        target: (C,) shares of the classes, 0 or more with a sum above 0; even by default.

    Raises:
        ValueError: an argument out of range.

    Source: ReMixMatch (arXiv 1911.09785), section 3.1; its authors take 128 batches.
    """

    target: Tensor
    recent: Tensor
    batches: Tensor

    def __init__(
        self, num_classes: Count, window: Count = 128, target: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("target", torch.full((num_classes,), 1 / num_classes))
        self.register_buffer("recent", torch.zeros(window, num_classes))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))
        if target is not None:
            self.set_target(target)

    def set_target(self, target: Sequence[float] | np.ndarray | Tensor) -> None:
        """Aligns to these shares of the classes from here on; how often each one is labelled, say.

        Args:
            target: (C,) numbers, 0 or more with a sum above 0.

        Raises:
            ValueError: something else.
        """
        shares = torch.as_tensor(target, dtype=self.target.dtype, device="cpu")
        known = shares.shape == self.target.shape and not (shares < 0).any()
        if not (known and 0 < shares.sum() < math.inf):
            raise ValueError(
                f"target must be {len(self.target)} shares, 0 or more and finite, with a sum above "
                f"0, got {target!r}"
            )
        self.target.copy_(shares / shares.sum())

    @torch.no_grad()
    def forward(self, probs: Tensor) -> Tensor:
        """Takes (N, C) predictions into the mean and returns them aligned, without a gradient.

        Raises:
            ValueError: predictions for another number of classes.
        """
        if probs.ndim != 2 or probs.shape[1] != len(self.target):
            raise ValueError(f"probs must be (N, {len(self.target)}), got {tuple(probs.shape)}")
        mean = probs.detach().to(self.recent.dtype).mean(dim=0)
        all_reduce(mean, op="mean")
        row = (self.batches % len(self.recent)).reshape(1)
        self.recent.index_copy_(0, row, mean[None])
        self.batches += 1
        filled = self.batches.clamp_max(len(self.recent))  # rows not filled yet are zeros
        return align_distribution(probs.detach(), self.recent.sum(dim=0) / filled, self.target)
