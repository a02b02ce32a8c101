"""Labelled images alone."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from dmmix.functional.semi import hard_pseudo_labels
from dmmix.models.semi.base import SemiClassifier
from dmmix.registry import MODELS

__all__ = ["Supervised"]


@MODELS.register_module()
class Supervised(SemiClassifier):
    r"""The labelled stream alone, :math:`L = \frac1B \sum_b H(y_b, p(x_b))`: what semi-supervised
    methods are compared with, on the same loader and schedule. With pretrained weights it is
    fine-tuning.

    With ``stream_mix`` the unlabelled images take part after all: as partners of labelled ones,
    with the class that the network predicts for them (Fine-Tuning + DM).

    Args:
        others: of :class:`~dmmix.models.semi.SemiClassifier`; there is no unlabelled loss.
    """

    def __init__(self, *args: Any, stream_mix: Any = None, **kwargs: Any) -> None:
        self.branches = {"labelled": ("labelled", "weak")}
        if stream_mix is not None:
            self.branches["weak"] = ("unlabelled", "weak")
        super().__init__(*args, stream_mix=stream_mix, **kwargs)

    def step_losses(
        self, inputs: dict[str, Tensor], labels: Tensor, index: Tensor | None
    ) -> dict[str, Tensor]:
        labelled, *weak = self.logits(*(inputs[name] for name in self.branches))
        losses = {"loss_labelled": self.labelled_loss(labelled, labels)}
        if weak:
            pseudo = hard_pseudo_labels(weak[0])
            losses |= self.mixed_losses(inputs["labelled"], labels, inputs["weak"], *pseudo)
        return losses
