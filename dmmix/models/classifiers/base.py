"""What all our classifiers are: mmpretrain's, with a batch and its labels in one piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

import torch
from mmpretrain.models import ClsHead, ImageClassifier, MultiLabelClsHead
from mmpretrain.structures import DataSample
from torch import Tensor

from dmmix.evaluation import Predictions
from dmmix.functional import MixedLabels

#: What makes scores of logits, by the head whose way to predict it is.
_SCORES: dict[type, Callable[[Tensor], Tensor]] = {
    ClsHead: partial(torch.softmax, dim=1),
    MultiLabelClsHead: torch.sigmoid,
}


class BatchClassifier(ImageClassifier):
    """An image classifier of any mmpretrain backbone, neck and head, whose batches stay whole.

    A subclass writes ``loss``. All else is here: what is predicted, of several crops of an image
    too, and how labels reach heads that know only mmpretrain's data samples.

    Args:
        others: as for :class:`mmpretrain.models.ImageClassifier`.

    Attributes:
        preprocessor: the type of the data preprocessor, unless its config says another.
    """

    preprocessor: ClassVar[str]

    def __init__(
        self, *args: Any, data_preprocessor: Mapping | Any | None = None, **kwargs: Any
    ) -> None:
        if isinstance(data_preprocessor, Mapping) or data_preprocessor is None:
            data_preprocessor = {"type": self.preprocessor, **(data_preprocessor or {})}
        super().__init__(*args, data_preprocessor=data_preprocessor, **kwargs)

    @property
    def tested(self) -> Any:
        """What has the ``extract_feat`` and the ``head`` that predict."""
        return self

    def forward(
        self,
        inputs: Any,
        data_samples: list[DataSample] | None = None,
        mode: str = "tensor",
        labels: Any = None,
        **others: Any,
    ) -> Any:
        """As :meth:`mmpretrain.models.ImageClassifier.forward`.

        Args:
            inputs, data_samples, mode: as there.
            labels: instead of data samples, for ``mode='loss'`` what ``loss`` takes, and for
                ``mode='predict'`` (N,) integers or (N, C) soft labels, see :meth:`predict`.
            others: what ``loss`` or :meth:`predict` take beside them.
        """
        if mode == "loss":
            return self.loss(inputs, data_samples if labels is None else labels, **others)
        if mode == "predict":
            return self.predict(inputs, data_samples, labels=labels, **others)
        return super().forward(inputs, data_samples, mode, **others)

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
        the scores are the mean over the crops of the softmax of their logits, or of the sigmoids
        of a multi-label head; with another head they are a ValueError.
        """
        if inputs.ndim == 5:
            return self._predict_crops(inputs, data_samples, labels)
        if data_samples is None and labels is not None:
            if self._kind_of_scores is ClsHead and not kwargs:
                return Predictions(self._test_scores(inputs), labels)
            data_samples = self.as_data_samples(labels)
        tested = self.tested
        return tested.head.predict(tested.extract_feat(inputs), data_samples, **kwargs)

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

    def as_data_samples(self, labels: MixedLabels | Tensor) -> list[DataSample]:
        """Labels for a head that knows only mmpretrain's objects."""
        if isinstance(labels, MixedLabels):
            labels = labels.dense(self.head.num_classes)
        if labels.is_floating_point():
            return [DataSample().set_gt_score(score) for score in labels]
        return [DataSample().set_gt_label(label[None]) for label in labels]

    def _test_scores(self, inputs: Tensor) -> Tensor:
        logits = self.tested.head(self.tested.extract_feat(inputs))
        return _SCORES[self._kind_of_scores](logits)

    def _predict_crops(
        self, inputs: Tensor, data_samples: list[DataSample] | None, labels: Tensor | None
    ) -> Predictions | list[DataSample]:
        if self._kind_of_scores is None:
            raise ValueError(
                f"inputs are {inputs.shape[1]} crops of each image (ten_crop=True), but "
                f"{type(self.head).__name__} predicts something else than the softmax or sigmoids "
                "of its logits, which are what would be averaged"
            )
        scores = self._test_scores(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2]).mean(dim=1)
        if self._kind_of_scores is MultiLabelClsHead:
            if data_samples is None and labels is not None:
                data_samples = self.as_data_samples(labels)
            return self.tested.head._get_predictions(scores.logit(), data_samples)
        if data_samples is None and labels is not None:
            return Predictions(scores, labels)
        samples = data_samples or [DataSample() for _ in scores]
        for sample, score in zip(samples, scores, strict=True):
            sample.set_pred_score(score).set_pred_label(score.argmax(dim=0, keepdim=True))
        return samples

    @property
    def _kind_of_scores(self) -> Any:
        """The head of mmpretrain whose predictions those of the head are; ``None`` of others."""
        methods, head = ("predict", "_get_predictions"), type(self.head)
        for kind in _SCORES:
            if all(getattr(head, name, None) is getattr(kind, name) for name in methods):
                return kind
        return None
