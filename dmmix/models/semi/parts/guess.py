"""What is predicted for unlabelled images, and what becomes of it: pseudo-labels, masks, losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from dmmix.arguments import Checked
from dmmix.functional.ranges import Positive, Probability
from dmmix.functional.semi import (
    kl_consistency,
    masked_cross_entropy,
    mean_squared_consistency,
    probabilities,
)
from dmmix.models.semi.parts.distribution_alignment import Alignment
from dmmix.registry import MODELS


@dataclass(frozen=True)
class Guess:
    """What pseudo-labels, masks and weights are made of; only ``logits`` have a gradient.

    Attributes:
        logits: (M, C); their softmax is ``probs``.
        probs: (M, C) predictions, aligned if the method aligns them.
        classes: (M,) integers, the most probable class.
        confidence: (M,) its probability.
        labelled: (B, C) logits of the labelled images of the step, or ``None``.
        index: (M,) numbers of the images in the unlabelled set, or ``None``.
    """

    logits: Tensor
    probs: Tensor
    classes: Tensor
    confidence: Tensor
    labelled: Tensor | None = None
    index: Tensor | None = None


def guess_from(
    logits: Tensor,
    labelled: Tensor | None = None,
    index: Tensor | None = None,
    alignment: Alignment | None = None,
) -> Guess:
    """The guess that logits make, (M, C), by way of an alignment if there is one."""
    labelled = None if labelled is None else labelled.detach()
    probs = probabilities(logits.detach())
    if alignment is not None:
        probs = alignment(probs, labelled)
        logits = probs.log()  # -inf for a class that is ruled out
    confidence, classes = probs.max(dim=1)
    return Guess(logits, probs, classes, confidence, labelled, index)


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


Consistency = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@MODELS.register_module()
class MaskedCrossEntropy:
    """:func:`~dmmix.functional.semi.masked_cross_entropy`."""

    __call__ = staticmethod(masked_cross_entropy)


@MODELS.register_module()
class KLConsistency:
    """:func:`~dmmix.functional.semi.kl_consistency`."""

    __call__ = staticmethod(kl_consistency)


@MODELS.register_module()
class MeanSquaredConsistency:
    """:func:`~dmmix.functional.semi.mean_squared_consistency`."""

    __call__ = staticmethod(mean_squared_consistency)
