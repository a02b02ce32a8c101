"""What is predicted for the unlabelled images of a step."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from dmmix.functional.semi import probabilities
from dmmix.models.semi.parts.distribution_alignment import Alignment

__all__ = ["Guess", "guess_from"]


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
