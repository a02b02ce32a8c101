"""The Pi-model."""

from __future__ import annotations

from typing import Any, ClassVar

from dmmix.functional.ranges import NonNegative, Probability
from dmmix.models.semi.base import TWO_WEAK_VIEWS, Views
from dmmix.models.semi.composed import ComposedMethod
from dmmix.models.semi.parts.guess import MeanSquaredConsistency, SoftLabels
from dmmix.registry import MODELS


@MODELS.register_module()
class PiModel(ComposedMethod):
    r"""The Pi-model: two weak views of an unlabelled image are to be predicted alike.

    .. math::
        L = \frac1B \sum_b H(y_b, p(x_b))
            + w(t) \frac1{\mu B \, C} \sum_b \lVert p(u_b) - p(u'_b) \rVert^2

    The gradient goes through both predictions, as in the paper.

    Args:
        others: of :class:`~dmmix.models.semi.ComposedMethod`; the weight rises linearly to 10 over
            the first 40 % of the training.

    Source: Temporal ensembling (arXiv 1610.02242).
    """

    views: ClassVar[Views] = TWO_WEAK_VIEWS
    learn_view: ClassVar[str] = "weak2"

    def __init__(
        self,
        *args: Any,
        unlabelled_weight: NonNegative = 10.0,
        ramp: Probability = 0.4,
        **kwargs: Any,
    ) -> None:
        self.check_not_given(kwargs, "pseudo_labels", "consistency")
        super().__init__(
            *args,
            unlabelled_weight=unlabelled_weight,
            ramp=ramp,
            pseudo_labels=SoftLabels(gradient=True),
            consistency=MeanSquaredConsistency(),
            **kwargs,
        )
