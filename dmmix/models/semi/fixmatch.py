"""FixMatch."""

from __future__ import annotations

from typing import Any

from dmmix.functional.ranges import Probability
from dmmix.models.semi.composed import ComposedMethod
from dmmix.models.semi.parts.guess import FixedThreshold
from dmmix.registry import MODELS


@MODELS.register_module()
class FixMatch(ComposedMethod):
    r"""FixMatch: the weak view of an unlabelled image labels its strong view, where it is sure.

    .. math::
        L = \frac1B \sum_b H(y_b, p(x_b)) + w \frac1{\mu B} \sum_b
            \mathbf{1}[\max q_b \ge \tau] \, H(\arg\max q_b, p(\mathcal{A}(u_b)))

    with :math:`q_b = p(\alpha(u_b))`, weak views :math:`\alpha`, strong views :math:`\mathcal{A}`;
    no gradient goes through :math:`q`. The mean is over all unlabelled images, also those below
    the threshold.

    Args:
        threshold: :math:`\tau`, in [0, 1].
        others: of :class:`~dmmix.models.semi.ComposedMethod`.

    Logs ``mask_rate``, the part of the unlabelled images that count.

    Source: FixMatch (arXiv 2001.07685).
    """

    def __init__(self, *args: Any, threshold: Probability = 0.95, **kwargs: Any) -> None:
        self.check_not_given(kwargs, "masking")
        super().__init__(*args, masking=FixedThreshold(threshold), **kwargs)
