"""FlexMatch."""

from __future__ import annotations

from typing import Any

from dmmix.functional.ranges import Probability
from dmmix.models.semi.composed import ComposedMethod
from dmmix.registry import MODELS


@MODELS.register_module()
class FlexMatch(ComposedMethod):
    r"""FlexMatch: FixMatch with a threshold for each class, lower where fewer images are learned.

    The loss is FixMatch's with :math:`\mathbf{1}[\max q_b \ge \tau_{c_b}]`, where :math:`c_b` is
    the pseudo-label and :math:`\tau_c = \tau \, \beta_c / (2 - \beta_c)` follows from how many
    unlabelled images were confidently taken for class :math:`c`: see
    :class:`~dmmix.models.semi.FlexThreshold`.

    Args:
        threshold: :math:`\tau`, in [0, 1].
        warmup: count the images that have no confident class yet beside the largest class.
        others: of :class:`~dmmix.models.semi.ComposedMethod`.

    Source: FlexMatch (arXiv 2110.08263).
    """

    def __init__(
        self, *args: Any, threshold: Probability = 0.95, warmup: bool = True, **kwargs: Any
    ) -> None:
        masking = dict(type="FlexThreshold", threshold=threshold, warmup=warmup)
        self.check_not_given(kwargs, "masking")
        super().__init__(*args, masking=masking, **kwargs)
        self.register_load_state_dict_pre_hook(_under_the_name_of_today)


def _under_the_name_of_today(
    model: FlexMatch, state_dict: dict[str, Any], prefix: str, *_: Any
) -> None:
    """Checkpoints of dmmix before its methods were made of parts: thresholds, not masking."""
    before = f"{prefix}thresholds.learned"
    if before in state_dict:
        state_dict[f"{prefix}masking.learned"] = state_dict.pop(before)
