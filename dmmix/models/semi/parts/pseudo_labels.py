"""Pseudo-labels: from a guess to what an unlabelled image learns."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from dmmix.arguments import Checked
from dmmix.functional.ranges import Positive
from dmmix.functional.semi import probabilities
from dmmix.models.semi.parts.guess import Guess
from dmmix.registry import MODELS

__all__ = ["HardLabels", "Labelling", "SoftLabels"]


#: From a guess to (M,) integers, or (M, C) distributions.
Labelling = Callable[[Guess], Tensor]


@MODELS.register_module()
class HardLabels:
    r"""The most probable class, :math:`\arg\max_c q_c`."""

    def __call__(self, guess: Guess) -> Tensor:
        """(M,) integers."""
        return guess.classes


@MODELS.register_module()
class SoftLabels(Checked):
    r"""The prediction itself, sharpened: :math:`\mathrm{softmax}(z / T) \propto q^{1/T}`.

    Args:
        temperature: :math:`T`, above 0; 1 leaves it as it is.
        gradient: whether a gradient goes through the target.
    """

    def __init__(self, temperature: Positive = 1.0, gradient: bool = False) -> None:
        self.temperature = float(temperature)
        self.gradient = gradient

    def __call__(self, guess: Guess) -> Tensor:
        """(M, C) distributions."""
        logits = guess.logits if self.gradient else guess.logits.detach()
        return probabilities(logits if self.temperature == 1 else logits / self.temperature)
