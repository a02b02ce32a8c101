"""The Pi-model."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from dmmix.functional.semi import hard_pseudo_labels, mean_squared_consistency, probabilities
from dmmix.models.semi.base import Branches, SemiClassifier
from dmmix.registry import MODELS

__all__ = ["PiModel"]


@MODELS.register_module()
class PiModel(SemiClassifier):
    r"""The Pi-model: two weak views of an unlabelled image are to be predicted alike.

    .. math::
        L = \frac1B \sum_b H(y_b, p(x_b))
            + w(t) \frac1{\mu B \, C} \sum_b \lVert p(u_b) - p(u'_b) \rVert^2

    The gradient goes through both predictions, as in the paper.

    Args:
        others: of :class:`~dmmix.models.semi.SemiClassifier`; the weight rises linearly to 10 over
            the first 40 % of the training.

    Source: Temporal ensembling (arXiv 1610.02242).
    """

    branches: ClassVar[Branches] = {
        "labelled": ("labelled", "weak"),
        "weak": ("unlabelled", "weak"),
        "weak2": ("unlabelled", "weak"),
    }

    def __init__(
        self, *args: Any, unlabelled_weight: float = 10.0, ramp: float = 0.4, **kwargs: Any
    ) -> None:
        super().__init__(*args, unlabelled_weight=unlabelled_weight, ramp=ramp, **kwargs)

    def step_losses(
        self, inputs: dict[str, Tensor], labels: Tensor, index: Tensor | None
    ) -> dict[str, Tensor]:
        labelled, first, second = self.logits(*(inputs[name] for name in self.branches))
        unlabelled = mean_squared_consistency(first, probabilities(second))
        pseudo = hard_pseudo_labels(first)
        return {
            "loss_labelled": self.labelled_loss(labelled, labels),
            "loss_unlabelled": self.ramped_weight() * unlabelled,
            **self.pseudo_label_accuracy(pseudo.classes),
            **self.mixed_losses(
                inputs["labelled"], labels, inputs["weak"], pseudo.classes, pseudo.confidence
            ),
        }
