"""MixMatch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from dmmix.functional.ranges import NonNegative, Positive, Probability
from dmmix.functional.semi import (
    masked_cross_entropy,
    mean_squared_consistency,
    probabilities,
    sharpen,
)
from dmmix.mixups import Mix
from dmmix.models.modes import frozen_statistics
from dmmix.models.semi.base import TWO_WEAK_VIEWS, SemiClassifier, Views
from dmmix.models.semi.parts.own_mix import OwnMix, rate_below_half
from dmmix.registry import MODELS


@MODELS.register_module()
class MixMatch(SemiClassifier):
    r"""MixMatch: labelled images and unlabelled ones with guessed labels, all mixed with all.

    The guess for an unlabelled image is the mean prediction of its two weak views, sharpened,
    :math:`q = \mathrm{sharpen}(\frac12 (p(u) + p(u')), T)`, without a gradient. Each image of
    labelled and unlabelled views is mixed with one of all of them, the larger share
    :math:`\lambda' = \max(\lambda, 1 - \lambda)` its own, images and labels alike. Then

    .. math::
        L = \frac1B \sum_{x'} H(y', p(x'))
            + w(t) \frac{1}{2 \mu B \, C} \sum_{u'} \lVert q' - p(u') \rVert^2

    Args:
        temperature: :math:`T`, above 0.
        mixup: the mix of pairs; the paper's Mixup with ``alpha=0.75`` by default.
        others: of :class:`~dmmix.models.semi.SemiClassifier`; the weight rises linearly to 75 over
            the first 64th of the training.

    Source: MixMatch (arXiv 1905.02249).
    """

    views: ClassVar[Views] = TWO_WEAK_VIEWS

    def __init__(
        self,
        *args: Any,
        temperature: Positive = 0.5,
        mixup: Mapping | Mix | None = None,
        unlabelled_weight: NonNegative = 75.0,
        ramp: Probability = 1 / 64,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, unlabelled_weight=unlabelled_weight, ramp=ramp, **kwargs)
        self.temperature = float(temperature)
        self.own_mix = OwnMix(mixup)

    def step_losses(
        self, inputs: dict[str, Tensor], labels: Tensor, index: Tensor | None
    ) -> dict[str, Tensor]:
        views = [inputs["weak"], inputs["weak2"]]
        with torch.no_grad(), frozen_statistics(self):
            mean = torch.stack([probabilities(z) for z in self.logits(*views)]).mean(dim=0)
        guess = sharpen(mean, self.temperature)
        mixed, _ = self.own_mix(inputs["labelled"], labels, views, guess)
        n, targets = len(labels), cast(Tensor, mixed.labels)  # dense
        labelled, unlabelled = self.logits(mixed.images[:n], mixed.images[n:])
        consistency = mean_squared_consistency(unlabelled, targets[n:])
        confidence, pseudo = mean.max(dim=1)
        return {
            "loss_labelled": masked_cross_entropy(labelled, targets[:n]),
            "loss_unlabelled": self.ramped_weight() * consistency,
            "mixed_below_half": rate_below_half(mixed),
            **self.pseudo_label_accuracy(pseudo),
            **self.mixed_losses(inputs["labelled"], labels, inputs["weak"], pseudo, confidence),
        }
