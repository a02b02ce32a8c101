"""The classifier whose training step is: mix, forward, loss on the mixed labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from dmmix.functional import MixedLabels
from dmmix.mixups import Mix, build_mix, draw_for
from dmmix.models.classifier_guide import ClassifierGuide
from dmmix.models.classifiers.base import BatchClassifier
from dmmix.models.gather_labels import gather_labels
from dmmix.models.heads import MixedLabelsMixin
from dmmix.models.losses import check_takes_soft_labels
from dmmix.models.mixed_step import forward_mixed, sets_hooks
from dmmix.registry import MODELS


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
        """Compiles what a training step does between the questions of the mix and the update: one
        graph of mix, backbone, neck, head and loss.

        Args:
            options: those of :func:`torch.compile`.

        Raises:
            ValueError: a mix that acts or looks inside the network while it runs, which the
                compiler cannot follow.
        """
        if self.mixup is not None and sets_hooks(self.mixup):
            raise ValueError(
                f"step.compile does not go with {type(self.mixup).__name__}, which looks into the "
                "network while it runs; leave step.compile=False, or mix images alone (CutMix, ...)"
            )
        # The class's function, not the bound one: a copy of the model (an average of its weights,
        # say) must not train the original.
        self._compiled_step = torch.compile(type(self)._step, **options)

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
        step: Any = self._compiled_step or type(self)._step
        return step(self, inputs, labels, *self._asked(inputs, labels))

    def _asked(self, inputs: Tensor, labels: MixedLabels | Tensor) -> tuple[Any, Any, Any]:
        """What the mix draws, what the model answers it, and its guide, all outside of the graph
        of a compiled step: generators are on the CPU, and questions run the model."""
        if self.mixup is None:
            return None, None, None
        draws = draw_for(self.mixup, inputs)
        if not self.mixup.needs:
            return draws, None, None
        guide = ClassifierGuide(self)
        answers = self.mixup.ask(guide, inputs, labels, draws)
        return draws, answers, guide if sets_hooks(self.mixup) else None

    def _step(
        self,
        inputs: Tensor,
        labels: MixedLabels | Tensor,
        draws: Any,
        answers: Any,
        guide: ClassifierGuide | None,
    ) -> dict[str, Tensor]:
        """The rest of a step: blend, forward, settle, loss."""
        if self.mixup is None:
            return self._head_loss(self.extract_feat(inputs), labels)
        mixed = self.mixup.blend(inputs, labels, draws, answers)
        feats, labels = forward_mixed(guide, mixed, self.extract_feat)
        return self._head_loss(feats, labels, mixed.weights)

    def _head_loss(
        self, feats: tuple, labels: MixedLabels | Tensor, weights: Tensor | None = None
    ) -> dict[str, Tensor]:
        options = {} if weights is None else {"weight": weights}
        if isinstance(self.head, MixedLabelsMixin):
            return self.head.loss(feats, labels, **options)
        return self.head.loss(feats, self.as_data_samples(labels), **options)
