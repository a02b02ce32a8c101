"""Predictions: two tensors that pass for a list of data samples."""

import pickle

import pytest
import torch
from mmpretrain.structures import DataSample

from dmmix.evaluation import Predictions

from .batches import in_one_piece, logits_and_labels, one_by_one

pytestmark = pytest.mark.openmmlab


def assert_same(found, expected):
    """The same fields with the same values, in dicts of data samples."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert type(found[name]) is type(value), name
        if isinstance(value, torch.Tensor):
            assert found[name].dtype == value.dtype, name
            assert torch.equal(found[name], value), name
        else:
            assert found[name] == value, name


@pytest.fixture(params=[False, True], ids=["integers", "soft"])
def both(request):
    made = logits_and_labels(6, soft=request.param)
    return in_one_piece(*made), one_by_one(*made)


def test_samples_are_those_of_mmpretrain(both):
    """In a loop, by their number, as dicts, and of a slice, which stays in one piece."""
    predictions, expected = both
    assert len(list(predictions)) == len(predictions) == len(predictions.dicts()) == 6
    for i, other in enumerate(expected):
        for sample in (list(predictions)[i], predictions[i], predictions[i - 6]):
            assert type(sample) is DataSample
            assert_same(sample.to_dict(), other.to_dict())
            assert set(sample.metainfo_keys()) == set(other.metainfo_keys())
        assert_same(predictions.dicts()[i], other.to_dict())
    for i in (6, -7):
        with pytest.raises(IndexError):
            predictions[i]
    for cut in (slice(None, -1), slice(2, 4), slice(None, None, 2), slice(6, 9)):
        part = predictions[cut]
        assert isinstance(part, Predictions)
        for found, other in zip(part.dicts(), expected[cut], strict=True):
            assert_same(found, other.to_dict())
    assert repr(predictions) == "Predictions(6 samples, 7 classes)"


def test_the_copy_keeps_what_was_predicted(both):
    predictions, _ = both
    predictions.predicted = torch.arange(6)  # a device may choose differently among equals
    copy = predictions.cpu()
    for name in ("predicted", "scores", "labels"):
        assert torch.equal(getattr(copy, name), getattr(predictions, name))


def test_a_sample_does_not_hold_its_batch():
    # torch pickles all the memory behind a view.
    predictions = in_one_piece(*logits_and_labels(500))
    for sample in (predictions[3].to_dict(), predictions.dicts()[3]):
        assert len(pickle.dumps(sample)) < 5000


INTEGERS = dict(dtype=torch.long)


@pytest.mark.parametrize(
    ("scores", "labels", "says"),
    [
        *(
            ((6, 7), labels, rf"labels must be .* scores of shape \(6, 7\), got .*{labels.dtype}")
            for labels in (
                torch.zeros(5, **INTEGERS),
                torch.zeros(6, 1, **INTEGERS),
                torch.zeros(6, 7, **INTEGERS),
                torch.zeros(6),
                torch.zeros(6, 5),
                torch.tensor(3),
            )
        ),
        ((6,), torch.zeros(6, **INTEGERS), r"scores must be \(N, C\), got shape \(6,\)"),
    ],
)
def test_what_does_not_fit(scores, labels, says):
    with pytest.raises(ValueError, match=says):
        Predictions(torch.rand(scores), labels)
    with pytest.raises(TypeError, match=r"scores must be floats, got torch.int64"):
        Predictions(torch.ones(6, 7, dtype=torch.long), torch.zeros(6, dtype=torch.long))
