"""Alignment and thresholds: nothing waits, and what a checkpoint brings."""

import pytest
import torch

from dmmix.models.semi import DistributionAlignment, FlexThresholds
from tests.mixups.waits import Waits


def predictions(n, c=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, c, generator=generator).softmax(dim=1)


def thresholds(size, **options):
    part = FlexThresholds(3, **{"tau": 0.6, **options})
    part.resize(size)
    return part


def remembering(size):
    part = thresholds(size)
    part(torch.tensor([0.9, 0.7, 0.4]), torch.tensor([2, 1, 0]), torch.tensor([0, 3, 1]))
    return part


# -- a step on a device ------------------------------------------------------------------


@pytest.mark.parametrize("part", [DistributionAlignment(3, window=2), thresholds(8)])
def test_nothing_waits(part):
    probs = predictions(6)
    confidence, classes = probs.max(dim=1)
    index = torch.arange(6)
    with Waits() as waits:
        for _ in range(3):
            if isinstance(part, DistributionAlignment):
                part(probs)
            else:
                part(confidence, classes, index)
    assert waits.found == []


def test_off_the_cpu_nothing_depends_on_a_value():
    """Meta tensors have no values, and no tensor of a step is left on the CPU."""
    aligned = DistributionAlignment(3).to("meta")(predictions(6).to("meta"))
    assert aligned.shape == (6, 3)
    part = thresholds(8).to("meta")
    confidence, classes = predictions(6).to("meta").max(dim=1)
    assert part(confidence, classes, torch.arange(6, device="meta")).shape == (6,)


# -- distribution alignment --------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_mean_is_that_of_float32(dtype):
    part, probs = DistributionAlignment(3, window=2), predictions(500).to(dtype)
    part(probs)
    torch.testing.assert_close(part.recent[0], probs.double().mean(dim=0).float())


def test_predictions_of_another_number_of_classes():
    part = DistributionAlignment(3)
    with pytest.raises(ValueError, match=r"probs must be \(N, 3\), got \(4, 5\)"):
        part(predictions(4, 5))
    assert part.batches == 0


@pytest.mark.parametrize("bad", [float("inf"), float("nan"), -0.5])
def test_shares_that_are_no_shares(bad):
    with pytest.raises(ValueError, match="target must be"):
        DistributionAlignment(2, target=[bad, 1.0])


def test_a_target_that_is_known_later():
    """Of the labels, that a dataset tells."""
    part, first = DistributionAlignment(3), DistributionAlignment(3, target=[0.5, 0.125, 0.375])
    part.set_target(torch.tensor([4, 1, 3]))
    assert part.target.tolist() == [0.5, 0.125, 0.375]
    assert torch.equal(part(predictions(5)), first(predictions(5)))
    with pytest.raises(ValueError, match="target must be 3 shares, 0 or more"):
        part.set_target([1, 2])
    assert part.target.tolist() == [0.5, 0.125, 0.375]


def test_a_ring_goes_on_after_a_checkpoint():
    """Saved in the middle of the window, and not at its start."""
    whole = DistributionAlignment(3, window=4)
    for step in range(6):
        whole(predictions(5, seed=step))
    again = DistributionAlignment(3, window=4, target=[1.0, 2.0, 3.0])
    again.load_state_dict(whole.state_dict())
    for step in range(6, 9):
        probs = predictions(5, seed=step)
        assert torch.equal(whole(probs), again(probs))
    assert torch.equal(whole.recent, again.recent)


# -- FlexMatch's thresholds --------------------------------------------------------------


def test_a_checkpoint_of_before_the_data_was_known():
    """It has no images: there is room for those of the data all the same."""
    part = remembering(5)
    part.load_state_dict(FlexThresholds(3).state_dict())
    assert part.learned.tolist() == [-1] * 5
    inner = torch.nn.Sequential(remembering(4))
    given = torch.nn.Sequential(FlexThresholds(3)).state_dict()
    inner.load_state_dict(given)
    assert inner[0].learned.tolist() == [-1] * 4
    assert given["0.learned"].shape == (0,)  # the caller's


def test_a_checkpoint_of_the_same_data():
    part = remembering(5)
    assert part.learned.tolist() == [2, -1, -1, 1, -1]
    again = thresholds(5)
    again.load_state_dict(part.state_dict())
    assert torch.equal(again.learned, part.learned)
    assert torch.equal(again.thresholds(), part.thresholds())


def test_a_refused_checkpoint_changes_nothing():
    part = remembering(5)
    before = part.learned.clone()
    with pytest.raises(ValueError, match="remembers 6 unlabelled images, the data has 5"):
        part.load_state_dict(thresholds(6).state_dict())
    assert torch.equal(part.learned, before)


def test_who_is_remembered():
    """At least tau, whatever the threshold of the class; the last confident class stays."""
    part = thresholds(4)
    index = torch.tensor([0, 1])
    assert part(torch.tensor([0.6, 0.59]), torch.tensor([1, 1]), index).all()
    assert part.learned.tolist() == [1, -1, -1, -1]
    # Image 0, no longer sure: it counts by the low threshold of its class, and keeps class 1.
    assert part(torch.tensor([0.3, 0.61]), torch.tensor([2, 2]), index).all()
    assert part.learned.tolist() == [1, 2, -1, -1]
    part(torch.tensor([0.95]), torch.tensor([0]), torch.tensor([0]))
    assert part.learned.tolist() == [0, 2, -1, -1]


def test_exactly_the_threshold_counts():
    part = thresholds(2, tau=0.5)
    none = torch.zeros(2)
    assert part(none, torch.tensor([0, 2]), torch.tensor([0, 1])).all()  # thresholds of 0
    part(torch.full((2,), 0.5), torch.tensor([0, 0]), torch.tensor([0, 1]))
    assert part.learned.tolist() == [0, 0]
    assert part.thresholds().tolist() == [0.5, 0, 0]
    assert part(none + 0.5, torch.tensor([0, 0]), torch.tensor([0, 1])).all()


def test_resizing_forgets():
    part = remembering(5)
    part.resize(3)
    assert part.learned.tolist() == [-1] * 3
    assert part.learned.dtype == torch.int64


def test_thresholds_by_hand():
    """10 images, tau = .6. Of class 0 four are learned, of class 1 two, of class 2 none, four are
    of none yet: beta = 1, 1/2, 0 and thresholds .6, .2, 0. With two more images that are of none,
    six: beta = 2/3, 1/3, 0 and thresholds .3, .12, 0; without warm-up again .6, .2, 0."""
    for size, warmup, expected in (
        (10, True, [0.6, 0.2, 0.0]),
        (12, True, [0.3, 0.12, 0.0]),
        (12, False, [0.6, 0.2, 0.0]),
    ):
        part = thresholds(size, warmup=warmup)
        classes = torch.tensor([0, 0, 0, 0, 1, 1])
        part(torch.full((6,), 0.8), classes, torch.arange(6))
        assert part.thresholds().tolist() == pytest.approx(expected)
        asked = torch.tensor([0.29, 0.31, 0.59, 0.61])
        mask = part(asked, torch.zeros(4).long(), torch.arange(4))
        assert mask.tolist() == [p >= expected[0] for p in asked.tolist()]
