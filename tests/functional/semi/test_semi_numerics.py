"""Where the numbers are small, few or of low precision."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck
from torch.testing import assert_close

from dmmix.functional.semi import (
    align_distribution,
    flexmatch_thresholds,
    kl_consistency,
    masked_cross_entropy,
    mean_squared_consistency,
    probabilities,
    sharpen,
)
from tests.laws.data import noise

LOW = [torch.float16, torch.bfloat16]
LOSSES = [masked_cross_entropy, kl_consistency, mean_squared_consistency]


# -- sharpening --------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.25, 0.5])
def test_the_gradient_of_sharpening_where_a_probability_is_zero(temperature):
    """p^(1/T) has the slope 0 there, for T < 1."""
    probs = torch.tensor([[0.7, 0.3, 0.0]], dtype=torch.float64, requires_grad=True)
    sharpen(probs, temperature)[0, 0].backward()
    power = probs.detach() ** (1 / temperature)
    slope = probs.detach() ** (1 / temperature - 1) / temperature
    share = power / power.sum()
    expected = slope / power.sum() * (torch.tensor([[1.0, 0.0, 0.0]]) - share[0, 0])
    assert_close(probs.grad, expected)


def test_the_gradient_of_sharpening_by_differences():
    assert gradcheck(lambda z: sharpen(z.softmax(dim=1), 0.4), noise(4, 5).requires_grad_())


def test_sharpening_does_not_hide_what_is_no_number():
    probs = torch.tensor([[float("nan"), 0.5, 0.5], [0.2, 0.3, 0.5]])
    found = sharpen(probs, 0.5)
    assert found[0].isnan().all()
    assert found[1].isfinite().all()


@pytest.mark.parametrize("dtype", LOW)
def test_low_precision_is_sharpened_and_aligned_in_float32(dtype):
    probs = probabilities(noise(7, 4)).to(dtype)
    running, target = (probabilities(noise(1, 4, seed=k))[0].to(dtype) for k in (1, 2))
    for found, expected in (
        (sharpen(probs, 0.2), sharpen(probs.double(), 0.2)),
        (
            align_distribution(probs, running, target),
            align_distribution(probs.double(), running.double(), target.double()),
        ),
    ):
        assert found.dtype == torch.float32
        assert_close(found.double(), expected, rtol=1e-5, atol=1e-7)


# -- alignment ---------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(scores=st.lists(st.lists(st.floats(-4, 4), min_size=4, max_size=4), min_size=1, max_size=6))
def test_a_batch_that_is_aligned_stays(scores):
    probs = probabilities(torch.tensor(scores, dtype=torch.float64))
    mean = probs.mean(dim=0)
    assert_close(align_distribution(probs, mean, mean), probs)
    found = align_distribution(probs, mean, mean.flip(0))
    assert_close(found.sum(dim=1), torch.ones(len(probs), dtype=torch.float64))


def test_sure_of_a_class_that_the_target_lacks():
    target = torch.tensor([0.0, 0.25, 0.75])
    probs = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]], requires_grad=True)
    found = align_distribution(probs, torch.ones(3) / 3, target)
    assert_close(found.detach(), torch.stack([target, torch.tensor([0.0, 1.0, 0.0])]))
    found.square().sum().backward()
    assert probs.grad.isfinite().all()


# -- losses ------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [masked_cross_entropy, kl_consistency])
def test_samples_that_do_not_count_teach_nothing(loss):
    z = noise(4, 3).requires_grad_()
    mask = torch.tensor([True, False, False, True])
    loss(z, probabilities(noise(4, 3, seed=1)), mask).backward()
    assert (z.grad.abs().sum(dim=1) > 0).tolist() == mask.tolist()


# -- thresholds --------------------------------------------------------------------------


def test_thresholds_of_many_images():
    """Counts beyond what low precision can count."""
    counts = torch.tensor([1_000_001, 500_001, 3])
    found = flexmatch_thresholds(counts, torch.tensor(7), 0.95)
    for tau, count in zip(found.tolist(), counts.tolist(), strict=True):
        beta = count / 1_000_001
        assert tau == pytest.approx(0.95 * beta / (2 - beta), rel=1e-6)
    assert flexmatch_thresholds(counts.double(), torch.tensor(7), 0.95).dtype == torch.float64


def test_unused_as_a_number():
    counts = torch.tensor([4, 2, 0])
    found = flexmatch_thresholds(counts, 14, 0.9)
    assert torch.equal(found, flexmatch_thresholds(counts, torch.tensor(14), 0.9))
    assert found.tolist() == pytest.approx([0.9 / 6, 0.9 / 13, 0.0])


def test_nothing_is_learned_yet():
    for warmup in (True, False):
        found = flexmatch_thresholds(torch.zeros(3).long(), torch.tensor(9), 0.95, warmup)
        assert found.tolist() == [0, 0, 0]
