"""Mean Teacher."""

from __future__ import annotations

from typing import Any, ClassVar

from dmmix.functional.ranges import NonNegative, Probability
from dmmix.models.semi.base import TWO_WEAK_VIEWS, Views
from dmmix.models.semi.composed import ComposedMethod
from dmmix.models.semi.parts.guess import MeanSquaredConsistency, SoftLabels
from dmmix.models.semi.parts.teacher import Teacher
from dmmix.registry import MODELS


@MODELS.register_module()
class MeanTeacher(ComposedMethod):
    r"""Mean Teacher: the average of the network's weights says what it should predict.

    .. math::
        L = \frac1B \sum_b H(y_b, p(x_b))
            + w(t) \frac1{\mu B \, C} \sum_b \lVert p(u_b) - p'(u'_b) \rVert^2

    with the teacher's prediction :math:`p'` of another weak view :math:`u'`, without a gradient.
    The teacher is what is tested.

    Args:
        teacher_momentum: above 0 and below 1, see :class:`~dmmix.models.semi.Teacher`.
        others: of :class:`~dmmix.models.semi.ComposedMethod`; the weight rises linearly to 50 over
            the first 40 % of the training.

    Source: Mean teachers are better role models (arXiv 1703.01780).
    """

    views: ClassVar[Views] = TWO_WEAK_VIEWS
    guess_view: ClassVar[str] = "weak2"
    learn_view: ClassVar[str] = "weak"
    teacher: Teacher

    def __init__(
        self,
        *args: Any,
        teacher_momentum: float = 0.999,
        unlabelled_weight: NonNegative = 50.0,
        ramp: Probability = 0.4,
        **kwargs: Any,
    ) -> None:
        self.check_not_given(kwargs, "pseudo_labels", "consistency")
        super().__init__(
            *args,
            teacher_momentum=teacher_momentum,
            unlabelled_weight=unlabelled_weight,
            ramp=ramp,
            pseudo_labels=SoftLabels(),
            consistency=MeanSquaredConsistency(),
            **kwargs,
        )

    @property
    def tested(self) -> Any:
        """The teacher's network."""
        return self.teacher.network
