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


def test_looping_gives_the_data_samples_of_mmpretrain(both):
    predictions, expected = both
    samples = list(predictions)
    assert len(samples) == len(predictions) == 6
    for sample, other in zip(samples, expected, strict=True):
        assert type(sample) is DataSample
        assert_same(sample.to_dict(), other.to_dict())
        assert set(sample.metainfo_keys()) == set(other.metainfo_keys())


def test_dicts_are_those_of_the_data_samples(both):
    predictions, expected = both
    for found, other in zip(predictions.dicts(), expected, strict=True):
        assert_same(found, other.to_dict())


@pytest.mark.parametrize("i", [0, 3, 5, -1, -6])
def test_one_of_them(both, i):
    predictions, expected = both
    assert_same(predictions[i].to_dict(), expected[i].to_dict())


@pytest.mark.parametrize("i", [6, -7])
def test_there_are_no_more(both, i):
    with pytest.raises(IndexError):
        both[0][i]


@pytest.mark.parametrize("cut", [slice(None, -1), slice(2, 4), slice(None, None, 2), slice(6, 9)])
def test_a_slice_stays_in_one_piece(both, cut):
    predictions, expected = both
    part = predictions[cut]
    assert isinstance(part, Predictions)
    assert len(part) == len(expected[cut])
    for found, other in zip(part.dicts(), expected[cut], strict=True):
        assert_same(found, other.to_dict())


def test_the_copy_keeps_what_was_predicted(both):
    predictions, _ = both
    predictions.predicted = torch.arange(6)  # a device may choose differently among equals
    copy = predictions.cpu()
    assert torch.equal(copy.predicted, torch.arange(6))
    assert torch.equal(copy.scores, predictions.scores)
    assert torch.equal(copy.labels, predictions.labels)


def test_a_sample_does_not_hold_its_batch():
    # torch pickles all the memory behind a view.
    predictions = in_one_piece(*logits_and_labels(500))
    for sample in (predictions[3].to_dict(), predictions.dicts()[3]):
        assert len(pickle.dumps(sample)) < 5000


def test_text():
    assert repr(in_one_piece(*logits_and_labels(6))) == "Predictions(6 samples, 7 classes)"


# Mistakes


@pytest.mark.parametrize("labels", [
    torch.zeros(5, dtype=torch.long),
    torch.zeros(6, 1, dtype=torch.long),
    torch.zeros(6, 7, dtype=torch.long),
    torch.zeros(6),
    torch.zeros(6, 5),
    torch.tensor(3),
])  # fmt: skip
def test_labels_that_do_not_fit(labels):
    shape = tuple(labels.shape)
    with pytest.raises(ValueError, match=r"labels must be .* scores of shape \(6, 7\)") as error:
        Predictions(torch.rand(6, 7), labels)
    assert str(error.value).endswith(f"got {shape} {labels.dtype}")


def test_wrong_scores():
    with pytest.raises(ValueError, match=r"scores must be \(N, C\), got shape \(6,\)"):
        Predictions(torch.rand(6), torch.zeros(6, dtype=torch.long))
    with pytest.raises(TypeError, match=r"scores must be floats, got torch.int64"):
        Predictions(torch.ones(6, 7, dtype=torch.long), torch.zeros(6, dtype=torch.long))
