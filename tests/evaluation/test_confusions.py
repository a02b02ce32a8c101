"""Which classes are taken for which."""

import math

import pytest
import torch

from dmmix.evaluation import BatchEvaluator
from dmmix.evaluation.confusions import Confusions, class_scores, largest_confusions
from tests.evaluation.batches import in_one_piece, logits_and_labels, one_by_one, split

pytestmark = pytest.mark.openmmlab


@pytest.mark.parametrize("batch", [in_one_piece, one_by_one])
def test_counts_are_those_of_a_loop(batch):
    logits, labels = logits_and_labels(50, classes=5)
    metric = Confusions()
    evaluator = BatchEvaluator([metric])
    for part in split(logits, labels, 8):
        evaluator.process(batch(*part), {})
    assert evaluator.evaluate(50) == {}
    expected = torch.zeros(5, 5, dtype=torch.long)
    for row, label in zip(logits, labels, strict=True):
        expected[label, row.argmax()] += 1
    assert torch.equal(metric.matrix.long(), expected)


def test_images_without_one_class_say_nothing():
    metric = Confusions()
    evaluator = BatchEvaluator([metric])
    evaluator.process(in_one_piece(*logits_and_labels(6, soft=True)), {})
    assert evaluator.evaluate(6) == {}
    assert metric.matrix is None


def test_scores_and_confusions():
    matrix = torch.tensor([[3, 1, 0], [0, 4, 2], [0, 0, 0]])
    one, two, none = class_scores(matrix, ["one", "two", "none"])
    assert one == ("one", 4, 0.75, 1.0, pytest.approx(6 / 7))
    assert two == ("two", 6, pytest.approx(4 / 6), 0.8, pytest.approx(8 / 11))
    assert (none.images, none.precision, none.f1) == (0, 0.0, 0.0)
    assert math.isnan(none.recall)
    assert largest_confusions(matrix, ["one", "two", "none"], 5) == [
        ("two", "none", 2),
        ("one", "two", 1),
    ]
