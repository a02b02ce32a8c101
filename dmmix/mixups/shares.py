"""Share rules: how much of a mixed image each of its sources has, other than by its area."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from dmmix.functional import mixing
from dmmix.functional.labels import Labels
from dmmix.functional.mixing import Mixed
from dmmix.functional.mixing.blend import prepare_labels
from dmmix.functional.ranges import Probability
from dmmix.mixups.build import Part


class ShareRule(Part):
    """The shares that the loss sees, from the forward pass of the mixed images.

    Attributes:
        watches: what it has to see of that pass: ``'attention'``.
    """

    watches: str

    @abstractmethod
    def settle(self, mixed: Mixed, seen: Tensor) -> Tensor:
        """(N, K) shares of the sources, rows of sum 1, given what was seen."""

    def on(self, mixed: Mixed, images: Tensor, labels: Labels) -> Mixed:
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

    def settle(self, mixed: Mixed, seen: Tensor) -> Tensor:
        first = mixing.attention_share(seen, mixed.mask, self.area)
        return torch.stack([first, 1 - first], 1)
