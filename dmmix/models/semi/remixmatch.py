"""ReMixMatch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn

from dmmix.functional.ranges import Count, NonNegative, Positive, Probability
from dmmix.functional.semi import masked_cross_entropy, probabilities, sharpen
from dmmix.functional.tensors.draws import to_device
from dmmix.mixups import Mix
from dmmix.models.modes import frozen_statistics
from dmmix.models.semi.base import SemiClassifier
from dmmix.models.semi.parts.distribution_alignment import DistributionAlignment
from dmmix.models.semi.parts.own_mix import OwnMix, rate_below_half
from dmmix.registry import MODELS


def draw_turns(n: int, generator: Generator) -> Tensor:
    """(n,) quarter turns on the CPU, 0 to 3, evenly."""
    return torch.randint(4, (n,), generator=generator)


def rotate(images: Tensor, turns: Tensor) -> Tensor:
    """Each image turned by its number of quarter turns.

    Args:
        images: (N, ch, S, S), not written to.
        turns: (N,) integers from 0 to 3, on the CPU: nothing waits for the device.

    Raises:
        ValueError: images that are not square.
    """
    if images.shape[2] != images.shape[3]:
        raise ValueError(f"images must be square to be turned, got {tuple(images.shape)}")
    turned = images.clone()
    for quarter in (1, 2, 3):
        (rows,) = to_device([(turns == quarter).nonzero()[:, 0]], images.device)
        turned.index_copy_(0, rows, images.index_select(0, rows).rot90(quarter, (2, 3)))
    return turned


class RotationHead(nn.Linear):
    """(N, ``in_features``) features to the logits of four quarter turns, from N(0, 0.01)."""

    def __init__(self, in_features: int) -> None:
        super().__init__(in_features, 4)

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)


@MODELS.register_module()
class ReMixMatch(SemiClassifier):
    r"""ReMixMatch: MixMatch with aligned guesses, strong views anchored to them, and rotations.

    The guess :math:`q` is the prediction of the weak view, aligned to the distribution of the
    labels and sharpened, without a gradient; it is the label of the weak view and of all strong
    views. Labelled (strong) and unlabelled views are mixed as in MixMatch, and

    .. math::
        L = \overline{H(y', p(x'))} + w(t) \overline{H(q', p(u'))}
            + w_1(t) \overline{H(q, p(\hat u_1))} + w_r \overline{H(r, p_r(R_r(\hat u_1)))}

    with means over the images, :math:`\hat u_1` the first strong view, not mixed, and :math:`R_r`
    its rotation by :math:`r` quarter turns.

    Args:
        num_strong: strong views of an unlabelled image, 1 or more.
        temperature: of the sharpening, above 0.
        mixup: the mix of pairs; the paper's Mixup with ``alpha=0.75`` by default.
        strong_weight, rotation_weight: :math:`w_1` and :math:`w_r`, 0 or more.
        window: of the alignment, see :class:`~dmmix.models.semi.DistributionAlignment`.
        others: of :class:`~dmmix.models.semi.SemiClassifier`; :math:`w` and :math:`w_1` rise
            linearly over the first 64th of the training.

    Source: ReMixMatch (arXiv 1911.09785).
    """

    def __init__(
        self,
        *args: Any,
        num_strong: Count = 2,
        temperature: Positive = 0.5,
        mixup: Mapping | Mix | None = None,
        unlabelled_weight: NonNegative = 1.5,
        strong_weight: NonNegative = 0.5,
        rotation_weight: NonNegative = 0.5,
        window: int = 128,
        ramp: Probability = 1 / 64,
        **kwargs: Any,
    ) -> None:
        strong = ["strong", *(f"strong{k}" for k in range(2, num_strong + 1))]
        self.views = {  # type: ignore[misc]  # here they follow from an argument
            "labelled": ("labelled", "strong"),
            "weak": ("unlabelled", "weak"),
            **dict.fromkeys(strong, ("unlabelled", "strong")),
        }
        super().__init__(*args, unlabelled_weight=unlabelled_weight, ramp=ramp, **kwargs)
        self.strong = strong
        self.temperature = float(temperature)
        self.strong_weight = float(strong_weight)
        self.rotation_weight = float(rotation_weight)
        self.own_mix = OwnMix(mixup)
        self.alignment = DistributionAlignment(self.head.num_classes, window)
        self.rotation_head = RotationHead(self.head.in_channels)

    def step_losses(
        self, inputs: dict[str, Tensor], labels: Tensor, index: Tensor | None
    ) -> dict[str, Tensor]:
        with torch.no_grad(), frozen_statistics(self):
            (logits,) = self.logits(inputs["weak"])
        aligned = self.alignment(probabilities(logits))
        guess = sharpen(aligned, self.temperature)
        views = [inputs["weak"], *(inputs[name] for name in self.strong)]
        mixed, generator = self.own_mix(inputs["labelled"], labels, views, guess)
        n, targets = len(labels), cast(Tensor, mixed.labels)  # dense
        turns = draw_turns(len(guess), generator)
        images = mixed.images[:n], mixed.images[n:], views[1], rotate(views[1], turns)
        (labelled, unlabelled, strong, _), (*_, turned) = self.passed(
            self._classes_and_turns, *images
        )
        (turns,) = to_device([turns], turned.device)
        weight = self.ramped_weight()
        ramp = weight / self.unlabelled_weight if self.unlabelled_weight else 0.0
        confidence, pseudo = aligned.max(dim=1)
        return {
            "loss_labelled": masked_cross_entropy(labelled, targets[:n]),
            "loss_unlabelled": weight * masked_cross_entropy(unlabelled, targets[n:]),
            "mixed_below_half": rate_below_half(mixed),
            "loss_strong": self.strong_weight * ramp * masked_cross_entropy(strong, guess),
            "loss_rotation": self.rotation_weight * masked_cross_entropy(turned, turns),
            **self.pseudo_label_accuracy(pseudo),
            **self.mixed_losses(inputs["labelled"], labels, inputs["weak"], pseudo, confidence),
        }

    def _classes_and_turns(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the classes, and those of the quarter turns."""
        feats = self.extract_feat(images)
        return self.head(feats), self.rotation_head(self.head.pre_logits(feats))
