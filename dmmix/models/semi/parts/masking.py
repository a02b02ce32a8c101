"""Which pseudo-labels count, or how much."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from dmmix.arguments import Checked
from dmmix.functional.ranges import Probability
from dmmix.models.semi.parts.guess import Guess
from dmmix.registry import MODELS

__all__ = ["FixedThreshold", "Masking"]


#: From a guess to (M,) bools, or weights in [0, 1], without a gradient.
Masking = Callable[[Guess], Tensor]


@MODELS.register_module()
class FixedThreshold(Checked):
    r"""Those count that the network is sure of, :math:`\mathbf{1}[\max q \ge \tau]`.

    Args:
        threshold: :math:`\tau`, in [0, 1].
    """

    def __init__(self, threshold: Probability = 0.95) -> None:
        self.threshold = float(threshold)

    def __call__(self, guess: Guess) -> Tensor:
        """(M,) bools."""
        return guess.confidence >= self.threshold
