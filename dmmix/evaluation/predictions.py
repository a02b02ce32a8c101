"""Predictions of a batch, in one piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from mmpretrain.structures import DataSample
from torch import Tensor


class Predictions(Sequence):
    """What the classifier predicts for a batch: two tensors that pass for a list of data samples.

    Who takes it whole reads ``scores``, ``labels`` and ``predicted``. Who loops over
    it, or takes one by its index, gets mmpretrain's data samples as its heads make them
    (``gt_label`` or ``gt_score``, ``pred_score``, ``pred_label``), made at that moment. A slice is
    :class:`Predictions` again.

    Args:
        scores: (N, C) floats, the softmax of the logits.
        labels: (N,) integers or (N, C) soft labels, on the device of the scores.

    Attributes:
        predicted: (N,) classes of the highest scores.

    Raises:
        ValueError: wrong shapes.
        TypeError: scores that are not floats.
    """

    def __init__(self, scores: Tensor, labels: Tensor) -> None:
        if scores.ndim != 2:
            raise ValueError(f"scores must be (N, C), got shape {tuple(scores.shape)}")
        if not scores.is_floating_point():
            raise TypeError(f"scores must be floats, got {scores.dtype}")
        soft = labels.is_floating_point()
        if labels.shape != (scores.shape if soft else scores.shape[:1]):
            raise ValueError(
                "labels must be (N,) integers or (N, C) soft labels for scores of shape "
                f"{tuple(scores.shape)}, got {tuple(labels.shape)} {labels.dtype}"
            )
        self.scores = scores
        self.labels = labels

    @cached_property
    def predicted(self) -> Tensor:
        return self.scores.argmax(dim=1)

    @property
    def soft(self) -> bool:
        """Whether the labels are (N, C) soft labels."""
        return self.labels.is_floating_point()

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, i: int | slice) -> Any:
        if isinstance(i, slice):
            return Predictions(self.scores[i], self.labels[i])
        place = range(len(self))[i]  # for its errors and its negative numbers
        return next(iter(self[place : place + 1]))

    def __iter__(self) -> Iterator[DataSample]:
        for label, score, predicted in self._rows():
            sample = DataSample()
            sample = sample.set_gt_score(label) if self.soft else sample.set_gt_label(label)
            yield sample.set_pred_score(score).set_pred_label(predicted)

    def cpu(self) -> Predictions:
        """The same on the CPU: one copy a tensor."""
        moved = Predictions(self.scores.cpu(), self.labels.cpu())
        moved.predicted = self.predicted.cpu()  # of two equal scores the device chose one
        return moved

    def dicts(self) -> list[dict[str, Any]]:
        """``DataSample.to_dict()`` of each sample, which metrics take, without the data samples."""
        truth, num_classes = "gt_score" if self.soft else "gt_label", self.scores.shape[1]
        return [
            {
                "num_classes": num_classes,
                truth: label,
                "pred_score": score,
                "pred_label": predicted,
            }
            for label, score, predicted in self._rows()
        ]

    def _rows(self) -> Iterator[tuple[Tensor, ...]]:
        labels = self.labels if self.soft else self.labels[:, None]
        for row in zip(labels, self.scores, self.predicted[:, None], strict=True):
            # Not views: to pickle one (DumpResults) would write the whole batch.
            yield tuple(tensor.clone() for tensor in row)

    def __repr__(self) -> str:
        return f"Predictions({len(self)} samples, {self.scores.shape[1]} classes)"
