"""A method that is made of parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from dmmix.models.semi.base import SemiClassifier, Views
from dmmix.models.semi.parts.distribution_alignment import Alignment
from dmmix.models.semi.parts.guess import (
    Consistency,
    HardLabels,
    Labelling,
    MaskedCrossEntropy,
    Masking,
    guess_from,
)
from dmmix.models.semi.parts.part import build_part
from dmmix.models.semi.parts.teacher import Teacher
from dmmix.registry import MODELS


@MODELS.register_module()
class ComposedMethod(SemiClassifier):
    r"""A method made of parts: one view of an unlabelled image labels another one of it.

    .. math::
        L = \frac1B \sum_b H(y_b, p(x_b)) + w \frac1{\mu B} \sum_b
            m(q_b) \; D\big(t(q_b), p(\mathcal{A}(u_b))\big), \qquad q_b = a(p(\alpha(u_b)))

    with pseudo-labels :math:`t`, a mask or weights :math:`m`, a consistency loss :math:`D` and an
    alignment :math:`a`; each goes with all others. The mean is over all unlabelled images, also
    those that do not count.

    Args:
        pseudo_labels: what is learned: ``HardLabels`` (the default) or ``SoftLabels``.
        alignment: of the predictions that pseudo-labels are made of: ``DistributionAlignment``, or
            ``None`` for none.
        masking: which pseudo-labels count: ``FixedThreshold``, ``FlexThreshold``, or ``None`` for
            all.
        consistency: ``MaskedCrossEntropy`` (the default), ``KLConsistency`` or
            ``MeanSquaredConsistency``.
        teacher_momentum: who makes the predictions: a :class:`~dmmix.models.semi.Teacher` of this
            momentum, above 0 and below 1, or with ``None`` the network itself.
        others: of :class:`~dmmix.models.semi.SemiClassifier`; ``unlabelled_weight`` is :math:`w`,
            ``stream_mix`` adds ``+ Mixup`` or ``+ DM``.

    Logs ``mask_rate``, the part of the unlabelled images that count, where there is a masking.

    Attributes:
        guess_view, learn_view: the names of the view that labels, and of that which learns.
    """

    views: ClassVar[Views] = {
        "labelled": ("labelled", "weak"),
        "weak": ("unlabelled", "weak"),
        "strong": ("unlabelled", "strong"),
    }
    guess_view: ClassVar[str] = "weak"
    learn_view: ClassVar[str] = "strong"

    def __init__(
        self,
        *args: Any,
        pseudo_labels: Mapping | Labelling | None = None,
        alignment: Mapping | Alignment | None = None,
        masking: Mapping | Masking | None = None,
        consistency: Mapping | Consistency | None = None,
        teacher_momentum: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        classes = self.head.num_classes
        self.pseudo_labels = build_part(pseudo_labels, classes) or HardLabels()
        self.alignment = build_part(alignment, classes)
        self.masking = build_part(masking, classes)
        self.consistency = build_part(consistency, classes) or MaskedCrossEntropy()
        self.teacher = None if teacher_momentum is None else Teacher(self, teacher_momentum)

    @classmethod
    def check_not_given(cls, given: dict[str, Any], *parts: str) -> None:
        """For a method that names these parts itself: a TypeError if one is given too."""
        for name in parts:
            if name in given:
                raise TypeError(f"{cls.__name__} names its {name} itself, ComposedMethod takes any")

    def step_losses(
        self, inputs: dict[str, Tensor], labels: Tensor, index: Tensor | None
    ) -> dict[str, Tensor]:
        labelled, guessed, learned = self._three_logits(inputs)
        guess = guess_from(guessed, labelled, index, self.alignment)
        mask = None if self.masking is None else self.masking(guess)
        unlabelled = self.consistency(learned, self.pseudo_labels(guess), mask)
        images = inputs[self.guess_view]
        return {
            "loss_labelled": self.labelled_loss(labelled, labels),
            "loss_unlabelled": self.ramped_weight() * unlabelled,
            **({} if mask is None else {"mask_rate": mask.float().mean()}),
            **self.pseudo_label_accuracy(guess.classes, mask),
            **self.mixed_losses(
                inputs["labelled"], labels, images, guess.classes, guess.confidence
            ),
        }

    def _three_logits(self, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Of the labelled images, of the view that labels, and of the view that learns."""
        names = [*self.views]
        if self.teacher is not None:
            names = ["labelled", self.learn_view]
        found = dict(zip(names, self.logits(*(inputs[name] for name in names)), strict=True))
        if self.teacher is not None:
            found[self.guess_view] = self.teacher(inputs[self.guess_view])
        return found["labelled"], found[self.guess_view], found[self.learn_view]
