"""Co-Tuning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dmmix.functional.ranges import NonNegative, Positive
from dmmix.functional.semi import probabilities
from dmmix.functional.transfer import category_relationship, co_tuning_cross_entropy
from dmmix.models.modes import evaluating
from dmmix.models.semi.supervised import Supervised
from dmmix.registry import MODELS

_PIECE = 64  # images of a pass


@MODELS.register_module()
class CoTuning(Supervised):
    r"""Co-Tuning: the classifier of the old task is tuned too, with what new labels say about it.

    .. math::
        L = L_\mathrm{labelled} + w \, \overline{H\big(p(y_s \mid y_t), \mathrm{softmax}(z^s)\big)}

    :math:`p(y_s \mid y_t)` is the mean prediction of the pretrained network over the labelled
    images of each new class. It is worked out once, before training, on images without
    augmentation, and stands in the checkpoint.

    Args:
        source_head: config of the old classifier with its weights, such as ``dict(type=
            'LinearClsHead', num_classes=1000, in_channels=2048, init_cfg=dict(type='Pretrained',
            checkpoint=..., prefix='head'))``. It reads what ``head`` reads.
        source_weight: :math:`w`, 0 or more.
        source_temperature: of the old classifier's predictions, above 0; calibrate it on the old
            task's validation images where these are at hand.
        others: as for :class:`~dmmix.models.semi.Supervised`; ``stream_mix`` adds ``+ DM``.

    Raises:
        RuntimeError: (in training) nobody worked out the relationship; a ``DmmixRunner`` does.

    Source: Co-Tuning for transfer learning (NeurIPS 2020).
    """

    relationship: Tensor

    def __init__(
        self,
        *args: Any,
        source_head: Mapping | nn.Module,
        source_weight: NonNegative = 2.3,
        source_temperature: Positive = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        head: Any = source_head
        if isinstance(source_head, Mapping):
            head = MODELS.build({"_scope_": "dmmix", **source_head})
        self.source_head = head
        self.source_weight = float(source_weight)
        self.source_temperature = float(source_temperature)
        shape = (self.head.num_classes, head.num_classes)
        # Rows of zeros: not worked out yet.
        self.register_buffer("relationship", torch.zeros(shape))
        self._dataset: Any = None
        self._known = False

    def labelled_losses(self, feats: tuple, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        if not self._known:
            raise RuntimeError(
                "CoTuning: the relationship of the classes is not worked out; train with a "
                "DmmixRunner, or call relate(images, labels) first"
            )
        source = co_tuning_cross_entropy(self.source_head(feats), labels, self.relationship)
        return {
            **super().labelled_losses(feats, logits, labels),
            "loss_source": self.source_weight * source,
        }

    def relate(self, images: Tensor, labels: Tensor) -> None:
        """Works out the relationship from labelled images, as for evaluation.

        Args:
            images: (N, ch, H, W), preprocessed.
            labels: (N,); each class must occur.
        """
        self._relate(zip(images.split(_PIECE), labels.split(_PIECE), strict=True))

    @torch.no_grad()
    def _relate(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        logits, labels = [], []
        with evaluating(self):
            for images, classes in batches:
                logits.append(self.source_head(self.extract_feat(images)))
                labels.append(classes)
        probs = probabilities(torch.cat(logits) / self.source_temperature)
        classes = torch.cat(labels).to(probs.device)
        self.relationship.copy_(category_relationship(probs, classes, self.head.num_classes))
        self._known = True

    def see_dataset(self, dataset: Any) -> None:
        """As :class:`~dmmix.models.semi.SemiClassifier`; its labelled images are needed later."""
        super().see_dataset(dataset)
        self._dataset = dataset

    def start_training(self) -> None:
        """The pretrained weights are there: what do they make of the labelled images?"""
        super().start_training()
        dataset, self._dataset = self._dataset, None
        self._relate(self._labelled_batches(dataset))

    def _labelled_batches(self, dataset: Any) -> Iterator[tuple[Tensor, Tensor]]:
        """All labelled images as for evaluation, a few at a time."""
        for first in range(0, dataset.num_labelled, _PIECE):
            rows = range(first, min(first + _PIECE, dataset.num_labelled))
            data = self.data_preprocessor(dataset.labelled_for_evaluation(rows))
            yield data["inputs"], data["labels"]

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        saved = state_dict.get(f"{prefix}relationship")
        self._known = self._known or (saved is not None and bool(saved.any()))
