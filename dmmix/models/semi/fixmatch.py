"""FixMatch."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from dmmix.functional.ranges import Probability
from dmmix.functional.semi import hard_pseudo_labels, masked_cross_entropy
from dmmix.models.semi.base import Branches, SemiClassifier
from dmmix.registry import MODELS

__all__ = ["FixMatch"]


@MODELS.register_module()
class FixMatch(SemiClassifier):
    r"""FixMatch: the weak view of an unlabelled image labels its strong view, where it is sure.

    .. math::
        L = \frac1B \sum_b H(y_b, p(x_b)) + w \frac1{\mu B} \sum_b
            \mathbf{1}[\max q_b \ge \tau] \, H(\arg\max q_b, p(\mathcal{A}(u_b)))

    with :math:`q_b = p(\alpha(u_b))`, weak views :math:`\alpha`, strong views :math:`\mathcal{A}`;
    no gradient goes through :math:`q`. The mean is over all unlabelled images, also those below
    the threshold.

    Args:
        threshold: :math:`\tau`, in [0, 1].
        others: of :class:`~dmmix.models.semi.SemiClassifier`; ``unlabelled_weight`` is :math:`w`,
            ``stream_mix`` adds ``+ Mixup`` or ``+ DM``.

    Logs ``mask_rate``, the part of the unlabelled images that count.

    Source: FixMatch (arXiv 2001.07685).
    """

    branches: ClassVar[Branches] = {
        "labelled": ("labelled", "weak"),
        "weak": ("unlabelled", "weak"),
        "strong": ("unlabelled", "strong"),
    }

    def __init__(self, *args: Any, threshold: Probability = 0.95, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.threshold = float(threshold)

    def step_losses(
        self, inputs: dict[str, Tensor], labels: Tensor, index: Tensor | None
    ) -> dict[str, Tensor]:
        labelled, weak, strong = self.logits(*(inputs[name] for name in self.branches))
        pseudo = hard_pseudo_labels(weak)
        mask = self.mask(pseudo.confidence, pseudo.classes, index)
        unlabelled = self.consistency(weak, strong, pseudo.classes, mask)
        return {
            "loss_labelled": self.labelled_loss(labelled, labels),
            "loss_unlabelled": self.ramped_weight() * unlabelled,
            "mask_rate": mask.float().mean(),
            **self.pseudo_label_accuracy(pseudo.classes, mask),
            **self.mixed_losses(
                inputs["labelled"], labels, inputs["weak"], pseudo.classes, pseudo.confidence
            ),
        }

    def mask(self, confidence: Tensor, classes: Tensor, index: Tensor | None) -> Tensor:
        """(M,) bools, which pseudo-labels count."""
        return confidence >= self.threshold

    def consistency(self, weak: Tensor, strong: Tensor, classes: Tensor, mask: Tensor) -> Tensor:
        """The unlabelled loss: logits of both views, the pseudo-labels, and which of them count."""
        return masked_cross_entropy(strong, classes, mask)
