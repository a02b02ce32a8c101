"""Mean Teacher."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from dmmix.functional.semi import hard_pseudo_labels, mean_squared_consistency, probabilities
from dmmix.models.semi.base import Branches, SemiClassifier
from dmmix.models.semi.parts.teacher import Teacher
from dmmix.registry import MODELS

__all__ = ["MeanTeacher"]


@MODELS.register_module()
class MeanTeacher(SemiClassifier):
    r"""Mean Teacher: the average of the network's weights says what it should predict.

    .. math::
        L = \frac1B \sum_b H(y_b, p(x_b))
            + w(t) \frac1{\mu B \, C} \sum_b \lVert p(u_b) - p'(u'_b) \rVert^2

    with the teacher's prediction :math:`p'` of another weak view :math:`u'`, without a gradient.
    The teacher is what is tested.

    Args:
        teacher_momentum: above 0 and below 1, see :class:`~dmmix.models.semi.Teacher`.
        others: of :class:`~dmmix.models.semi.SemiClassifier`; the weight rises linearly to 50 over
            the first 40 % of the training.

    Source: Mean teachers are better role models (arXiv 1703.01780).
    """

    branches: ClassVar[Branches] = {
        "labelled": ("labelled", "weak"),
        "weak": ("unlabelled", "weak"),
        "weak2": ("unlabelled", "weak"),
    }

    def __init__(
        self,
        *args: Any,
        teacher_momentum: float = 0.999,
        unlabelled_weight: float = 50.0,
        ramp: float = 0.4,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, unlabelled_weight=unlabelled_weight, ramp=ramp, **kwargs)
        self.teacher = Teacher(self, teacher_momentum)

    def step_losses(
        self, inputs: dict[str, Tensor], labels: Tensor, index: Tensor | None
    ) -> dict[str, Tensor]:
        labelled, student = self.logits(inputs["labelled"], inputs["weak"])
        teacher = self.teacher(inputs["weak2"])
        unlabelled = mean_squared_consistency(student, probabilities(teacher))
        pseudo = hard_pseudo_labels(teacher)
        return {
            "loss_labelled": self.labelled_loss(labelled, labels),
            "loss_unlabelled": self.ramped_weight() * unlabelled,
            **self.pseudo_label_accuracy(pseudo.classes),
            **self.mixed_losses(
                inputs["labelled"], labels, inputs["weak2"], pseudo.classes, pseudo.confidence
            ),
        }

    @property
    def _tested(self) -> Any:
        return self.teacher.network

    def start_training(self) -> None:
        """The teacher begins as the student does."""
        self.teacher.start(self)

    def after_update(self) -> None:
        """The student's weights have changed."""
        self.teacher.update(self)
