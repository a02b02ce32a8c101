"""The classifier whose training step is: mix, forward, loss on the mixed labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from dmmix.functional import MixedLabels
from dmmix.mixups import DrawnMix, Mix, build_mix, step_generator
from dmmix.models.classifiers.base import BatchClassifier
from dmmix.models.gather_labels import gather_labels
from dmmix.models.heads import MixedLabelsMixin
from dmmix.models.losses.soft_labels import check_takes_soft_labels
from dmmix.models.mixed_feats import looks_inside, mixed_feats
from dmmix.registry import MODELS

__all__ = ["MixupClassifier"]


@MODELS.register_module()
class MixupClassifier(BatchClassifier):
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

    Raises:
        ValueError: a mix beside a loss that knows integer labels alone.
    """

    preprocessor: ClassVar[str] = "dmmix.MixupDataPreprocessor"

    def __init__(
        self,
        backbone: dict,
        neck: dict | None = None,
        head: dict | None = None,
        mixup: dict | Mix | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, neck, head, **kwargs)
        self.mixup = None if mixup is None else build_mix(mixup)
        if self.mixup is not None:
            check_takes_soft_labels(self.head, self.mixup)
        self._compiled_step: Callable | None = None

    def compile_step(self, **options: Any) -> None:
        """Compiles what a training step does between the random draws and the loss: one graph of
        mix, backbone, neck, head and loss.

        Args:
            options: those of :func:`torch.compile`.

        Raises:
            ValueError: a mix that looks into the network or acts in it, which the compiler cannot
                follow.
        """
        if self.mixup is not None and looks_inside(self.mixup):
            raise ValueError(
                f"step.compile does not go with {type(self.mixup).__name__}, which looks into the "
                "network while it runs; leave step.compile=False, or mix images alone (CutMix, ...)"
            )
        # The class's function, not the bound one: a copy of the model (an average of its weights,
        # say) must not train the original.
        self._compiled_step = torch.compile(type(self)._drawn_loss, **options)

    def loss(
        self, inputs: Tensor, labels: MixedLabels | Tensor | list[DataSample] | None
    ) -> dict[str, Tensor]:
        """Mixes the batch and returns the head's losses.

        Args:
            inputs: (N, ch, H, W).
            labels: (N,) integers, (N, C) soft labels, or data samples with ``gt_label`` or
                ``gt_score``.

        Raises:
            ValueError: no labels.
        """
        if not isinstance(labels, Tensor | MixedLabels):
            labels = gather_labels(labels, getattr(self.head, "num_classes", None))
            if labels is None:
                raise ValueError(
                    "mode='loss' needs labels, or data_samples that have some: got none"
                )
            labels = labels.to(inputs.device)
        if self._compiled_step is not None:
            return self._compiled_step(self, *self._drawn(inputs, labels))
        if self.mixup is None:
            return self._head_loss(self.extract_feat(inputs), labels)
        return self._head_loss(*mixed_feats(self, self.mixup, inputs, labels))

    def _drawn(self, inputs: Tensor, labels: MixedLabels | Tensor) -> tuple:
        """What :meth:`_drawn_loss` takes: with the draws of a mix that tells them apart from the
        mixing, or mixed already."""
        if self.mixup is None:
            return inputs, labels, None, None
        if isinstance(self.mixup, DrawnMix):
            return inputs, labels, None, self.mixup.draw(inputs, step_generator())
        mixed = self.mixup.mix(inputs, labels)
        return mixed.images, mixed.labels, mixed.weights, None

    def _drawn_loss(
        self,
        inputs: Tensor,
        labels: MixedLabels | Tensor,
        weights: Tensor | None,
        drawn: tuple[Tensor, ...] | None,
    ) -> dict[str, Tensor]:
        mixup: Any = self.mixup
        if drawn is not None:
            inputs, labels, *_ = mixup.blend(inputs, labels, *drawn)
        return self._head_loss(self.extract_feat(inputs), labels, weights)

    def _head_loss(
        self, feats: tuple, labels: MixedLabels | Tensor, weights: Tensor | None = None
    ) -> dict[str, Tensor]:
        options = {} if weights is None else {"weight": weights}
        if isinstance(self.head, MixedLabelsMixin):
            return self.head.loss(feats, labels, **options)
        return self.head.loss(feats, self.as_data_samples(labels), **options)
