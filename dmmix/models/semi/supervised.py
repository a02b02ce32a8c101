"""Labelled images alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dmmix.functional.semi import hard_pseudo_labels
from dmmix.models.mixed_step import first_rows
from dmmix.models.semi.base import SemiClassifier
from dmmix.registry import MODELS


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
        views = {"labelled": ("labelled", "weak")}
        if stream_mix is not None:
            views["weak"] = ("unlabelled", "weak")
        self.views = views  # type: ignore[misc]  # here they follow from an argument
        super().__init__(*args, stream_mix=stream_mix, **kwargs)

    def step_losses(
        self, inputs: dict[str, Tensor], labels: Tensor, index: Tensor | None
    ) -> dict[str, Tensor]:
        views = [inputs[name] for name in self.views]
        if self.joint_forward:
            n = len(labels)
            feats = self.extract_feat(torch.cat(views))
            logits = self.head(feats)
            own, labelled, weak = first_rows(feats, n), logits[:n], logits[n:]
        else:
            own = self.extract_feat(views[0])
            labelled, weak = self.head(own), None
            if len(views) > 1:
                (weak,) = self.logits(views[1])
        losses = self.labelled_losses(own, labelled, labels)
        if self.stream_mix is not None:
            pseudo = hard_pseudo_labels(weak)
            losses |= self.pseudo_label_accuracy(pseudo.classes)
            losses |= self.mixed_losses(inputs["labelled"], labels, inputs["weak"], *pseudo)
        return losses

    def labelled_losses(self, feats: tuple, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Of the labelled images: their features (what the head takes), logits and labels."""
        return {"loss_labelled": self.labelled_loss(logits, labels)}
