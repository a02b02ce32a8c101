"""Share rules: how much of a mixed image each of its sources has, other than by its area."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from dmmix.functional import MixedLabels, mixing
from dmmix.functional.mixing.blend import prepare_labels
from dmmix.functional.ranges import Probability
from dmmix.mixups.checked import Checked

__all__ = ["AttentionShares", "ShareRule"]


class ShareRule(Checked, ABC):
    """The shares that the loss sees, from the forward pass of the mixed images.

    Attributes:
        watches: what it has to see of that pass: ``'attention'``.
    """

    watches: str

    @abstractmethod
    def settle(self, mixed: mixing.Mixed, seen: Tensor) -> Tensor:
        """(N, K) shares of the sources, rows of sum 1, given what was seen."""

    def on(self, mixed: mixing.Mixed, images: Tensor, labels: MixedLabels | Tensor) -> mixing.Mixed:
        """``mixed``, of these images and labels, with this rule; until the forward pass its labels
        stay as they are."""
        told = prepare_labels(labels, images, check=False)
        return mixed._replace(watched=(mixing.Watched(self, told, mixed),))


class AttentionShares(ShareRule):
    r"""Where the class token of a vision transformer looks: :math:`\lambda = \sum_t A_t \,
    ({\downarrow} M)_t` with the attention :math:`A` of the last layer over the patches, in the very
    forward pass that is trained on (:func:`dmmix.functional.attention_share`).

    Args:
        area: weight of the share of the area, in [0, 1].

    Source: TransMix (arXiv 2111.09833).
    """

    watches = "attention"

    def __init__(self, area: Probability = 0.0) -> None:
        self.area = float(area)

    def settle(self, mixed: mixing.Mixed, seen: Tensor) -> Tensor:
        first = mixing.attention_share(seen, mixed.mask, self.area)
        return torch.stack([first, 1 - first], 1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(area={self.area})"
