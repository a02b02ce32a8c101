"""The classifier whose training step is: mix, forward, loss on the mixed labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmpretrain.models import ClsHead, ImageClassifier
from mmpretrain.structures import DataSample
from torch import Tensor

from dmmix.evaluation import Predictions
from dmmix.functional import MixedLabels
from dmmix.mixups import DrawnMix, Mix, build_mix, step_generator
from dmmix.models.gather_labels import gather_labels
from dmmix.models.heads import MixedLabelsMixin
from dmmix.models.losses.soft_labels import check_takes_soft_labels
from dmmix.models.mixed_feats import looks_inside, mixed_feats
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

    Raises:
        ValueError: a mix beside a loss that knows integer labels alone.
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
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        if isinstance(data_preprocessor, dict) or data_preprocessor is None:
            data_preprocessor = {"type": "dmmix.MixupDataPreprocessor", **(data_preprocessor or {})}
        super().__init__(backbone, neck, head, pretrained, train_cfg, data_preprocessor, init_cfg)
        self.mixup = None if mixup is None else build_mix(mixup)
        if self.mixup is not None:
            check_takes_soft_labels(self.head, self.mixup)
        self._compiled_step: Callable | None = None

    def forward(
        self,
        inputs: Tensor,
        data_samples: list[DataSample] | None = None,
        mode: str = "tensor",
        labels: Tensor | None = None,
    ) -> Any:
        """As :meth:`mmpretrain.models.ImageClassifier.forward`.

        Args:
            inputs, data_samples, mode: as there.
            labels: instead of data samples, (N,) integers or (N, C) soft labels for
                ``mode='loss'``, and for ``mode='predict'`` too, see :meth:`predict`.
        """
        if mode == "loss":
            return self.loss(inputs, data_samples if labels is None else labels)
        if mode == "predict":
            return self.predict(inputs, data_samples, labels=labels)
        return super().forward(inputs, data_samples, mode)

    def predict(
        self,
        inputs: Tensor,
        data_samples: list[DataSample] | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> Predictions | list[DataSample]:
        """As :meth:`mmpretrain.models.ImageClassifier.predict`; with ``labels`` and no
        ``data_samples`` the batch stays in one piece, :class:`~dmmix.evaluation.Predictions`.

        A head that makes something else than the softmax of its logits predicts data samples.
        Of ``inputs`` (N, crops, ch, H, W), such as ``DecodedImages(ten_crop=True)`` makes them,
        the scores are the mean over the crops of the softmax of their logits; with such a head
        they are a ValueError.
        """
        if inputs.ndim == 5:
            return self._predict_crops(inputs, data_samples, labels)
        if data_samples is None and labels is not None:
            if self._predicts_softmax and not kwargs:
                return Predictions(self._test_scores(inputs), labels)
            data_samples = self._data_samples(labels)
        tested = self._tested
        return tested.head.predict(tested.extract_feat(inputs), data_samples, **kwargs)

    @property
    def _tested(self) -> Any:
        """What has the ``extract_feat`` and the ``head`` that predict."""
        return self

    def _test_scores(self, inputs: Tensor) -> Tensor:
        return self._tested.head(self._tested.extract_feat(inputs)).softmax(dim=1)

    def _predict_crops(
        self, inputs: Tensor, data_samples: list[DataSample] | None, labels: Tensor | None
    ) -> Predictions | list[DataSample]:
        if not self._predicts_softmax:
            raise ValueError(
                f"inputs are {inputs.shape[1]} crops of each image (ten_crop=True), but "
                f"{type(self.head).__name__} predicts something else than the softmax of its "
                "logits, which is what would be averaged"
            )
        scores = self._test_scores(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2]).mean(dim=1)
        if data_samples is None and labels is not None:
            return Predictions(scores, labels)
        samples = data_samples or [DataSample() for _ in scores]
        for sample, score in zip(samples, scores, strict=True):
            sample.set_pred_score(score).set_pred_label(score.argmax(dim=0, keepdim=True))
        return samples

    @property
    def _predicts_softmax(self) -> bool:
        """Whether the head's predictions are those of :class:`mmpretrain.models.ClsHead`."""
        methods = ("predict", "_get_predictions")
        return all(
            getattr(type(self.head), name, None) is getattr(ClsHead, name) for name in methods
        )

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

    def parse_losses(
        self, losses: dict[str, Tensor | list[Tensor]]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """As mmengine does, without the mean of what is one number already."""
        single = {k: v for k, v in losses.items() if isinstance(v, Tensor) and v.ndim == 0}
        if len(single) < len(losses):
            return super().parse_losses(losses)
        parts = [value for name, value in single.items() if "loss" in name]
        loss: Any = sum(parts[1:], *parts[:1])  # without a 0 to add the first one to
        return loss, {"loss": loss, **single}

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
        return self.head.loss(feats, self._data_samples(labels), **options)

    def _data_samples(self, labels: MixedLabels | Tensor) -> list[DataSample]:
        """Labels for a head that knows only mmpretrain's objects."""
        if isinstance(labels, MixedLabels):
            labels = labels.dense(self.head.num_classes)
        if labels.is_floating_point():
            return [DataSample().set_gt_score(score) for score in labels]
        return [DataSample().set_gt_label(label[None]) for label in labels]
