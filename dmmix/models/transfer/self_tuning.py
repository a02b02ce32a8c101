"""Self-Tuning."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather
from torch import Tensor, nn

from dmmix.arguments import Checked
from dmmix.functional.ranges import Count, Positive
from dmmix.functional.semi import hard_pseudo_labels
from dmmix.functional.transfer import pseudo_group_contrast
from dmmix.models.semi.base import SemiClassifier, Views
from dmmix.models.semi.parts.teacher import Network, Teacher
from dmmix.registry import MODELS


class ClassQueues(Checked, nn.Module):
    """A ring of keys for each class; nothing waits for the device.

    Args:
        num_classes: C, at least 1.
        size: D, keys of a class, at least 1.
        dimension: E of a key.

    Attributes:
        keys: (C, D, E).
        pushed: (C,) how many keys each class got so far.
    """

    keys: Tensor
    pushed: Tensor

    def __init__(self, num_classes: Count, size: Count, dimension: Count) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(num_classes, size, dimension))
        self.register_buffer("pushed", torch.zeros(num_classes, dtype=torch.int64))

    @property
    def valid(self) -> Tensor:
        """(C, D) bools, which keys are there."""
        places = torch.arange(self.keys.shape[1], device=self.keys.device)
        return places < self.pushed[:, None]

    @torch.no_grad()
    def push(self, keys: Tensor, classes: Tensor) -> None:
        """Adds (N, E) keys of these (N,) classes, in order; the oldest of a class go."""
        num_classes, size, dimension = self.keys.shape
        is_of = classes[:, None] == torch.arange(num_classes, device=classes.device)
        order = (is_of.cumsum(dim=0) - 1).gather(1, classes[:, None])[:, 0]
        counts = is_of.sum(dim=0)
        place = (self.pushed.index_select(0, classes) + order) % size + classes * size
        # Of more than fit, those that the later ones would overwrite go beyond the end at once.
        kept = order >= counts.index_select(0, classes) - size
        place = torch.where(kept, place, num_classes * size)
        longer = torch.cat([self.keys.flatten(0, 1), self.keys.new_zeros(1, dimension)])
        longer = longer.index_copy(0, place, keys.to(longer.dtype))
        # Not in place: the loss of this step still has to go back through the keys as they were.
        self.keys = longer[:-1].unflatten(0, (num_classes, size))
        self.pushed = self.pushed + counts


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
