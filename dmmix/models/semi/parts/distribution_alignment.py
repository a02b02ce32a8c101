"""The running mean of predictions, and predictions aligned by it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_reduce
from torch import Tensor

from dmmix.arguments import Checked
from dmmix.functional.ranges import Count
from dmmix.functional.semi import align_distribution
from dmmix.models.semi.parts.part import Part
from dmmix.registry import MODELS

#: From predictions for unlabelled images, (M, C), and logits of the labelled ones of the step,
#: (B, C) or ``None``, to predictions with the right share of each class, without a gradient.
Alignment = Callable[[Tensor, Tensor | None], Tensor]


@MODELS.register_module()
class DistributionAlignment(Checked, Part):
    r"""Distribution alignment by the mean of the last predictions.

    :math:`\tilde p_c \propto p_c \, t_c / r_c`, where :math:`r` is the mean prediction of the last
    ``window`` batches, this one included, over all processes.

    Args:
        num_classes: C, at least 1; a config may leave it out.
        window: batches, at least 1.
        target: (C,) shares of the classes, 0 or more with a sum above 0; by default those of
            the labels, once a runner tells the dataset, and even until then.

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
        self._by_labels = target is None
        if target is not None:
            self.set_target(target)

    def see_dataset(self, dataset: Any) -> None:
        """Aligns to how often each class is labelled, unless a target is given."""
        if self._by_labels:
            counts = np.bincount(dataset.get_gt_labels(), minlength=len(self.target))
            self.set_target(counts)

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
    def forward(self, probs: Tensor, labelled: Tensor | None = None) -> Tensor:
        """Takes (N, C) predictions into the mean and returns them aligned, without a gradient.

        Args:
            probs: (N, C).
            labelled: (B, C) logits of labelled images, which do not matter here.

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
