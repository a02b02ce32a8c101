"""Labels of data samples in one piece: plain, soft, of several classes."""

import pytest
import torch
from mmpretrain.structures import DataSample

from dmmix.models.gather_labels import gather_labels

pytestmark = pytest.mark.openmmlab


def samples(*labels):
    return [DataSample().set_gt_label(label) for label in labels]


def test_one_class_each():
    assert gather_labels(samples(3, 0, 2), None).tolist() == [3, 0, 2]
    assert gather_labels(samples(3, 0, 2), 4).dtype == torch.int64
    assert gather_labels([], 4) is None
    assert gather_labels([DataSample()], 4) is None


def test_several_classes_were_put_one_after_the_other():
    found = gather_labels(samples([0, 2], [1]), 3)
    assert found.tolist() == [[1, 0, 1], [0, 1, 0]]
    assert found.is_floating_point()
    with pytest.raises(ValueError, match=r"sample 1 of a batch has 2 classes \(multi-label\)"):
        gather_labels(samples([1], [0, 2]), None)
    with pytest.raises(ValueError, match=r"sample 0 .* classes \[0, 3\], but .*num_classes=3"):
        gather_labels(samples([0, 3]), 3)


def test_some_have_labels():
    with pytest.raises(ValueError, match="of the 2 samples of a batch 0 have gt_score and 1 gt_l"):
        gather_labels([*samples(1), DataSample()], 3)
    scores = [DataSample().set_gt_score(torch.tensor([0.5, 0.5])) for _ in range(2)]
    assert gather_labels(scores, 2).tolist() == [[0.5, 0.5]] * 2
    with pytest.raises(ValueError, match="1 have gt_score and 1 gt_label"):
        gather_labels([scores[0], *samples(1)], 2)
