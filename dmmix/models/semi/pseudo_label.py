"""Pseudo-Label."""

from __future__ import annotations

from typing import Any, ClassVar

from dmmix.functional.ranges import Probability
from dmmix.models.semi.base import Views
from dmmix.models.semi.composed import ComposedMethod
from dmmix.models.semi.parts.guess import FixedThreshold
from dmmix.registry import MODELS


@MODELS.register_module()
class PseudoLabel(ComposedMethod):
    r"""Pseudo-Label: what the network thinks of an unlabelled image is its label.

    .. math::
        L = \frac1B \sum_b H(y_b, p(x_b)) + w(t) \frac1{\mu B} \sum_b
            \mathbf{1}[\max p_b \ge \tau] \, H(\arg\max p_b, p_b), \qquad p_b = p(u_b)

    Args:
        threshold: :math:`\tau`, in [0, 1]; 0 is the paper's own, later comparisons take 0.95.
        others: of :class:`~dmmix.models.semi.ComposedMethod`; the weight rises linearly over the
            first 40 % of the training.

    Source: Pseudo-Label, ICML 2013 workshop.
    """

    views: ClassVar[Views] = {
        "labelled": ("labelled", "weak"),
        "weak": ("unlabelled", "weak"),
    }
    learn_view: ClassVar[str] = "weak"

    def __init__(
        self, *args: Any, threshold: Probability = 0.95, ramp: Probability = 0.4, **kwargs: Any
    ) -> None:
        self.check_not_given(kwargs, "masking")
        super().__init__(*args, ramp=ramp, masking=FixedThreshold(threshold), **kwargs)
