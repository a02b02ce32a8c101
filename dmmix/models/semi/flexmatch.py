"""FlexMatch."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from dmmix.models.semi.fixmatch import FixMatch
from dmmix.models.semi.parts.flex_thresholds import FlexThresholds
from dmmix.registry import MODELS

__all__ = ["FlexMatch"]


@MODELS.register_module()
class FlexMatch(FixMatch):
    r"""FlexMatch: FixMatch with a threshold for each class, lower where fewer images are learned.

    The loss is FixMatch's with :math:`\mathbf{1}[\max q_b \ge \tau_{c_b}]`, where :math:`c_b` is
    the pseudo-label and :math:`\tau_c = \tau \, \beta_c / (2 - \beta_c)` follows from how many
    unlabelled images were confidently taken for class :math:`c`: see
    :class:`~dmmix.models.semi.FlexThresholds`.

    Args:
        threshold: :math:`\tau`, in [0, 1].
        warmup: count the images that have no confident class yet beside the largest class.
        others: as for :class:`~dmmix.models.semi.FixMatch`.

    Source: FlexMatch (arXiv 2110.08263).
    """

    def __init__(
        self, *args: Any, threshold: float = 0.95, warmup: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, threshold=threshold, **kwargs)
        self.thresholds = FlexThresholds(self.head.num_classes, tau=threshold, warmup=warmup)

    def see_dataset(self, dataset: Any) -> None:
        """As :class:`~dmmix.models.semi.SemiClassifier`; one entry for each unlabelled image."""
        super().see_dataset(dataset)
        self.thresholds.resize(dataset.num_unlabelled)

    def mask(self, confidence: Tensor, classes: Tensor, index: Tensor | None) -> Tensor:
        return self.thresholds(confidence, classes, index)
