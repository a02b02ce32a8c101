"""UDA."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from dmmix.functional.ranges import Positive, Probability
from dmmix.functional.semi import (
    masked_cross_entropy,
    probabilities,
    training_signal_annealing,
)
from dmmix.mixups import training_progress
from dmmix.models.semi.composed import ComposedMethod
from dmmix.models.semi.parts.guess import FixedThreshold, KLConsistency, SoftLabels
from dmmix.registry import MODELS


@MODELS.register_module()
class UDA(ComposedMethod):
    r"""UDA: the strong view is to be predicted as the sharpened weak view, where that is sure.

    .. math::
        L = L_\mathrm{labelled} + w \frac1{\mu B} \sum_b \mathbf{1}[\max q_b \ge \tau] \,
            \mathrm{KL}\big(q_b^{(T)} \,\|\, p(\mathcal{A}(u_b))\big)

    with :math:`q^{(T)} = \mathrm{softmax}(z / T)` of the weak view, without a gradient. With
    training signal annealing a labelled image counts only while its class has a probability below
    a threshold that rises over the training, and the mean is over those that count.

    Args:
        threshold: :math:`\tau`, in [0, 1].
        temperature: :math:`T`, above 0.
        annealing: ``'linear'``, ``'exp'``, ``'log'``, or ``None`` for none.
        others: of :class:`~dmmix.models.semi.ComposedMethod`.

    Source: UDA (arXiv 1904.12848).
    """

    def __init__(
        self,
        *args: Any,
        threshold: Probability = 0.8,
        temperature: Positive = 0.4,
        annealing: Literal["linear", "exp", "log"] | None = None,
        **kwargs: Any,
    ) -> None:
        self.check_not_given(kwargs, "pseudo_labels", "masking", "consistency")
        super().__init__(
            *args,
            pseudo_labels=SoftLabels(temperature),
            masking=FixedThreshold(threshold),
            consistency=KLConsistency(),
            **kwargs,
        )
        self.annealing = annealing

    def labelled_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The head's loss, or the mean cross entropy of the images that still teach something."""
        progress = training_progress()
        if self.annealing is None or progress is None:
            return super().labelled_loss(logits, labels)
        limit = training_signal_annealing(progress, logits.shape[1], self.annealing)
        sure = probabilities(logits.detach()).gather(1, labels[:, None])[:, 0]
        counts = sure < limit
        mean = masked_cross_entropy(logits, labels, counts)
        return mean * (len(labels) / counts.sum().clamp_min(1).to(mean.dtype))
