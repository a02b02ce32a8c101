"""A teacher: the moving average of the network that learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmpretrain.models import ImageClassifier
from torch import Tensor, nn

from dmmix.models.averaged_model import ExponentialMovingAverage
from dmmix.models.modes import frozen_statistics
from dmmix.models.semi.parts.part import Part


class Network(nn.Module):
    """Images to logits with the parts of a classifier, which it shares.

    Args:
        classifier: whose backbone, neck (if there is one) and head are used; the classifier itself
            does not become a part.
    """

    def __init__(self, classifier: ImageClassifier) -> None:
        super().__init__()
        self.backbone = classifier.backbone
        self.neck = classifier.neck if classifier.with_neck else None
        self.head = classifier.head

    def forward(self, images: Tensor) -> Tensor:
        """(N, ch, H, W) to (N, C)."""
        return self.head(self.extract_feat(images))

    def extract_feat(self, images: Tensor) -> tuple:
        """What the head takes."""
        feats = self.backbone(images)
        return feats if self.neck is None else self.neck(feats)


class Teacher(Part):
    r"""Moving average of a classifier's weights and buffers, which makes targets.

    After each update of the student's weights :math:`\theta`,

    .. math:: \theta' \leftarrow m \, \theta' + (1 - m) \, \theta

    with :math:`m` the ``momentum``; BatchNorm statistics are averaged in the same way. In training
    mode it normalises with the statistics of its batch, as the student does, without taking them
    into its own. Nothing that it computes has a gradient.

    Args:
        student: the classifier; only its weights are read.
        momentum: above 0 and below 1.
        network: makes of the student what is averaged; by default all that leads to its logits.
        name: of ``momentum``, for messages.

    Raises:
        ValueError: ``momentum`` out of range.

    Source: Mean teachers are better role models (arXiv 1703.01780).
    """

    def __init__(
        self,
        student: nn.Module,
        momentum: float = 0.999,
        network: Callable[[Any], nn.Module] = Network,
        name: str = "teacher_momentum",
    ) -> None:
        super().__init__()
        if not 0 < momentum < 1:
            raise ValueError(f"{name} must be above 0 and below 1, got {momentum}")
        self._network = network
        self.average = ExponentialMovingAverage(
            network(student), momentum=1 - momentum, update_buffers=True
        )

    @property
    def network(self) -> nn.Module:
        """Backbone, neck and head, averaged."""
        return self.average.module

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """What the network makes of the images, without a gradient: logits (N, C)."""
        with frozen_statistics(self.average):
            return self.average(images)

    def start_training(self, classifier: nn.Module) -> None:
        """Becomes a copy of the student: weights were made or loaded after the teacher."""
        self.average.restart(self._network(classifier))

    def after_update(self, classifier: nn.Module) -> None:
        """Takes the student's weights into the average."""
        self.average.update_parameters(self._network(classifier))
