"""Pseudo-Label."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from dmmix.functional.ranges import Probability
from dmmix.functional.semi import hard_pseudo_labels, masked_cross_entropy
from dmmix.models.semi.base import Branches, SemiClassifier
from dmmix.registry import MODELS

__all__ = ["PseudoLabel"]


@MODELS.register_module()
class PseudoLabel(SemiClassifier):
    r"""Pseudo-Label: what the network thinks of an unlabelled image is its label.

    .. math::
        L = \frac1B \sum_b H(y_b, p(x_b)) + w(t) \frac1{\mu B} \sum_b
            \mathbf{1}[\max p_b \ge \tau] \, H(\arg\max p_b, p_b), \qquad p_b = p(u_b)

    Args:
        threshold: :math:`\tau`, in [0, 1]; 0 is the paper's own, later comparisons take 0.95.
        others: of :class:`~dmmix.models.semi.SemiClassifier`; the weight rises linearly over the
            first 40 % of the training.

    Source: Pseudo-Label, ICML 2013 workshop.
    """

    branches: ClassVar[Branches] = {
        "labelled": ("labelled", "weak"),
        "weak": ("unlabelled", "weak"),
    }

    def __init__(
        self, *args: Any, threshold: Probability = 0.95, ramp: Probability = 0.4, **kwargs: Any
    ) -> None:
        super().__init__(*args, ramp=ramp, **kwargs)
        self.threshold = float(threshold)

    def step_losses(
        self, inputs: dict[str, Tensor], labels: Tensor, index: Tensor | None
    ) -> dict[str, Tensor]:
        labelled, weak = self.logits(inputs["labelled"], inputs["weak"])
        pseudo = hard_pseudo_labels(weak)
        mask = pseudo.confidence >= self.threshold
        unlabelled = masked_cross_entropy(weak, pseudo.classes, mask)
        return {
            "loss_labelled": self.labelled_loss(labelled, labels),
            "loss_unlabelled": self.ramped_weight() * unlabelled,
            "mask_rate": mask.float().mean(),
            **self.pseudo_label_accuracy(pseudo.classes, mask),
            **self.mixed_losses(
                inputs["labelled"], labels, inputs["weak"], pseudo.classes, pseudo.confidence
            ),
        }
