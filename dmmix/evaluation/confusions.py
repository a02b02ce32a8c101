"""Which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from mmpretrain.evaluation.metrics import ConfusionMatrix
from torch import Tensor


class ClassScore(NamedTuple):
    """How well a class is told from the others, in [0, 1]; ``recall`` of what is in the class,
    ``precision`` of what is said to be; nan where there is nothing to divide by."""

    name: str
    images: int
    recall: float
    precision: float
    f1: float


class Confusion(NamedTuple):
    """``images`` of the class ``truth`` are taken for ``predicted``."""

    truth: str
    predicted: str
    images: int


class Confusions(ConfusionMatrix):
    """mmpretrain's confusion matrix, kept in ``matrix`` and not among the logged numbers.

    Attributes:
        matrix: (C, C) counts, truth by prediction; ``None`` where images have no label, or several.
    """

    matrix: Tensor | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Takes the predictions of a batch that have one class as truth."""
        one = [sample for sample in data_samples if _has_one_class(sample)]
        super().process(data_batch, one)

    def compute_metrics(self, results: list) -> dict:
        """Keeps the matrix; nothing to log."""
        self.matrix = super().compute_metrics(results)["result"]
        return {}

    def evaluate(self, size: int) -> dict:
        """As ever; without any image that has a class it gives nothing."""
        return super().evaluate(size) if self.results else {}


def _has_one_class(sample: dict) -> bool:
    label = sample.get("gt_label")
    return label is not None and len(label) == 1 and int(label) >= 0


def class_scores(matrix: Tensor, names: Sequence[str]) -> list[ClassScore]:
    """Of each class, from the counts (C, C) of truth by prediction."""
    counts = matrix.double()
    right, images, said = counts.diag(), counts.sum(1), counts.sum(0)
    columns = (right / images, right / said, 2 * right / (images + said))
    rows = zip(names, images.long().tolist(), *(c.tolist() for c in columns), strict=True)
    return [ClassScore(*row) for row in rows]


def largest_confusions(matrix: Tensor, names: Sequence[str], most: int) -> list[Confusion]:
    """The largest counts beside the diagonal, the largest first, none of 0."""
    wrong = matrix.clone().fill_diagonal_(0).flatten()
    order = wrong.argsort(descending=True, stable=True)[:most].tolist()
    width = len(names)
    found = [Confusion(names[i // width], names[i % width], int(wrong[i])) for i in order]
    return [confusion for confusion in found if confusion.images]
