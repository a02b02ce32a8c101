"""Self-Tuning."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather
from torch import Tensor, nn

from dmmix.functional.ranges import Count, Positive
from dmmix.functional.semi import hard_pseudo_labels
from dmmix.functional.transfer import pseudo_group_contrast
from dmmix.models.semi.base import SemiClassifier, Views
from dmmix.models.semi.parts.network import Network
from dmmix.models.semi.parts.teacher import Teacher
from dmmix.models.transfer.class_queues import ClassQueues
from dmmix.registry import MODELS

__all__ = ["SelfTuning"]


@MODELS.register_module()
class SelfTuning(SemiClassifier):
    r"""Self-Tuning: labels and pseudo-labels are contrasted as groups.

    .. math::
        L = \overline{H(y, p(x))} + \overline{\mathrm{PGC}(x, y)}
            + w \, \overline{\mathrm{PGC}(u, \arg\max p(u))}

    with :func:`~dmmix.functional.transfer.pseudo_group_contrast` between the projected features of
    a view and the keys that a moving average of the network made of another view and of earlier
    images of the class. Labelled and unlabelled keys are in one queue, those of all processes in
    each of them.

    Args:
        projection_dim: of queries and keys, at least 1.
        queue_size: keys of a class, at least 1.
        temperature: of the contrast, above 0.
        key_momentum: of the moving average, above 0 and below 1.
        others: of :class:`~dmmix.models.semi.SemiClassifier`; ``unlabelled_weight`` is :math:`w`,
            ``stream_mix`` adds ``+ Mixup`` or ``+ DM``.

    Source: Self-Tuning for data-efficient deep learning (ICML 2021).
    """

    views: ClassVar[Views] = {
        "labelled": ("labelled", "strong"),
        "labelled2": ("labelled", "strong"),
        "strong": ("unlabelled", "strong"),
        "strong2": ("unlabelled", "strong"),
    }

    def __init__(
        self,
        *args: Any,
        projection_dim: Count = 1024,
        queue_size: Count = 32,
        temperature: Positive = 0.07,
        key_momentum: float = 0.999,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        width = self.head.in_channels
        self.projector = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, projection_dim)
        )
        self.temperature = float(temperature)
        self.queues = ClassQueues(self.head.num_classes, queue_size, projection_dim)
        self.teacher = Teacher(self, key_momentum, _KeyNetwork, name="key_momentum")

    def step_losses(
        self, inputs: dict[str, Tensor], labels: Tensor, index: Tensor | None
    ) -> dict[str, Tensor]:
        views = inputs["labelled"], inputs["strong"]
        (labelled, strong), queries = self.passed(self._logits_and_queries, *views)
        pseudo = hard_pseudo_labels(strong)
        views = inputs["labelled2"], inputs["strong2"]
        (keys,) = self.passed(lambda images: (self.teacher(images),), *views)
        contrast = pseudo_group_contrast(
            torch.cat(queries),
            torch.cat(keys),
            self.queues.keys,
            self.queues.valid,
            torch.cat([labels, pseudo.classes]),
            self.temperature,
        )
        n = len(labels)
        # Labelled keys of all processes first: the order of one process with all their images.
        self._push(keys[0], labels)
        self._push(keys[1], pseudo.classes)
        return {
            "loss_labelled": self.labelled_loss(labelled, labels),
            "loss_contrast": contrast[:n].mean(),
            "loss_unlabelled": self.ramped_weight() * contrast[n:].mean(),
            **self.pseudo_label_accuracy(pseudo.classes),
            **self.mixed_losses(inputs["labelled"], labels, inputs["strong"], *pseudo),
        }

    def _logits_and_queries(self, images: Tensor) -> tuple[Tensor, Tensor]:
        feats = self.extract_feat(images)
        return self.head(feats), _projected(self, feats)

    def _push(self, keys: Tensor, classes: Tensor) -> None:
        self.queues.push(torch.cat(all_gather(keys)), torch.cat(all_gather(classes)))


class _KeyNetwork(Network):
    """Images to keys of length 1."""

    def __init__(self, classifier: SelfTuning) -> None:
        super().__init__(classifier)
        self.projector = classifier.projector

    def forward(self, images: Tensor) -> Tensor:
        return _projected(self, self.extract_feat(images))


def _projected(network: Any, feats: tuple) -> Tensor:
    """Queries and keys are features by way of the projector, of length 1."""
    return F.normalize(network.projector(network.head.pre_logits(feats)), dim=1)
