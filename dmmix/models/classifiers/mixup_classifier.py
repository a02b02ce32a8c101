"""The classifier whose training step is: mix, forward, loss on the mixed labels."""

from __future__ import annotations

from typing import Any

from mmpretrain.models import ImageClassifier
from mmpretrain.structures import DataSample
from torch import Tensor

from dmmix.functional import MixedLabels
from dmmix.mixups import Mix, build_mix
from dmmix.models.classifier_guide import ClassifierGuide
from dmmix.models.heads import MixedLabelsMixin
from dmmix.registry import MODELS

__all__ = ["MixupClassifier"]


@MODELS.register_module()
class MixupClassifier(ImageClassifier):
    """An image classifier of any mmpretrain backbone, neck and head that trains on mixed images.

    Example:
        .. code-block:: python

            model = dict(
                type='MixupClassifier',
                backbone=dict(type='ResNet_CIFAR', depth=18),
                neck=dict(type='GlobalAveragePooling'),
                head=dict(type='DMLinearClsHead', num_classes=100, in_channels=512,
                          loss=dict(type='DecoupledMixupLoss', eta=0.1)),
                mixup=dict(type='CutMix', alpha=0.2))

    Args:
        backbone, neck, head, data_preprocessor, ...: as for
            :class:`mmpretrain.models.ImageClassifier`. A head without
            :class:`~dmmix.models.MixedLabelsMixin` gets mmpretrain's data samples with soft
            labels.
        mixup: the mix, or its config; ``None`` trains on the images as they are.
    """

    def __init__(
        self,
        backbone: dict,
        neck: dict | None = None,
        head: dict | None = None,
        mixup: dict | Mix | None = None,
        pretrained: str | None = None,
        train_cfg: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if isinstance(data_preprocessor, dict) or data_preprocessor is None:
            data_preprocessor = {"type": "dmmix.MixupDataPreprocessor", **(data_preprocessor or {})}
        super().__init__(backbone, neck, head, pretrained, train_cfg, data_preprocessor, init_cfg)
        self.mixup = None if mixup is None else build_mix(mixup)

    def forward(
        self,
        inputs: Tensor,
        data_samples: list[DataSample] | None = None,
        mode: str = "tensor",
        labels: Tensor | None = None,
    ) -> Any:
        """As :meth:`mmpretrain.models.ImageClassifier.forward`; ``mode='loss'`` takes ``labels``,
        (N,) integers or (N, C) soft labels."""
        if mode == "loss":
            return self.loss(inputs, labels)
        return super().forward(inputs, data_samples, mode)

    def loss(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Mixes the batch and returns the head's losses."""
        weights: dict[str, Tensor] = {}
        if self.mixup is None:
            feats = self.extract_feat(inputs)
        else:
            with ClassifierGuide(self).step() as guide:
                mixed = self.mixup.mix(inputs, labels, guide=guide)
                feats = self.extract_feat(mixed.images)
                labels = guide.settle(mixed.labels)
            if mixed.weights is not None:
                weights["weight"] = mixed.weights
        if isinstance(self.head, MixedLabelsMixin):
            return self.head.loss(feats, labels, **weights)
        return self.head.loss(feats, self._data_samples(labels), **weights)

    def _data_samples(self, labels: MixedLabels | Tensor) -> list[DataSample]:
        """Labels for a head that knows only mmpretrain's objects."""
        if isinstance(labels, MixedLabels):
            labels = labels.dense(self.head.num_classes)
        if labels.is_floating_point():
            return [DataSample().set_gt_score(score) for score in labels]
        return [DataSample().set_gt_label(label[None]) for label in labels]
