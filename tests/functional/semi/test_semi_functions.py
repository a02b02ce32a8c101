"""The maths of semi-supervised methods against loops over images and classes."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dmmix.functional.semi import (
    align_distribution,
    flexmatch_thresholds,
    gaussian_ramp,
    half_cosine_ramp,
    hard_pseudo_labels,
    kl_consistency,
    linear_ramp,
    masked_cross_entropy,
    mean_squared_consistency,
    probabilities,
    sharpen,
    training_signal_annealing,
)
from tests.laws.data import noise

LOW = [torch.float16, torch.bfloat16, torch.float32]


def logits(n=7, c=4, seed=0, scale=3.0):
    return noise(n, c, seed=seed) * scale


def softmax(row):
    exps = [math.exp(z - max(row)) for z in row]
    return [e / sum(exps) for e in exps]


# -- pseudo-labels -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*LOW, torch.float64])
def test_hard_pseudo_labels(dtype):
    z = logits().to(dtype).requires_grad_()
    classes, confidence = hard_pseudo_labels(z)
    assert confidence.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert not confidence.requires_grad
    for k, row in enumerate(z.tolist()):
        probs = softmax(row)
        assert probs[int(classes[k])] == max(probs)
        assert float(confidence[k]) == pytest.approx(max(probs), rel=1e-6)


@pytest.mark.parametrize("temperature", [0.2, 0.5, 1.0, 2.0])
def test_sharpen(temperature):
    probs = probabilities(logits())
    found = sharpen(probs, temperature)
    for row, sharp in zip(probs.tolist(), found.tolist(), strict=True):
        powers = [p ** (1 / temperature) for p in row]
        assert sharp == pytest.approx([p / sum(powers) for p in powers], rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    row=st.lists(st.floats(0, 1), min_size=2, max_size=6).filter(lambda row: sum(row) > 1e-3),
    temperature=st.floats(0.01, 5),
)
def test_what_sharpening_keeps(row, temperature):
    probs = torch.tensor([row], dtype=torch.float64)
    probs = probs / probs.sum()
    found = sharpen(probs, temperature)
    assert float(found.sum()) == pytest.approx(1)
    assert float(found[0, probs.argmax()]) == pytest.approx(float(found.max()))
    assert (found[probs == 0] == 0).all()
    torch.testing.assert_close(sharpen(probs, 1.0), probs)


def test_sharpening_of_certain_and_tiny_probabilities_and_of_what_is_no_number():
    probs = torch.tensor([[1.0, 0.0, 0.0], [1e-30, 1 - 1e-7, 1e-30], [math.nan, 0.5, 0.5]])
    found = sharpen(probs, 0.01)
    assert torch.equal(found[:2], torch.tensor([[1.0, 0, 0], [0, 1, 0]]))
    assert found[2].isnan().all()


# -- losses ------------------------------------------------------------------------------


def terms(row, q):
    """Cross entropy, KL divergence (0 log 0 is 0) and mean square of one image."""
    logs = [math.log(p) for p in softmax(row)]
    pairs = list(zip(q, logs, strict=True))
    entropy = sum(a * math.log(a) for a in q if a > 0)
    cross = -sum(a * log for a, log in pairs)
    return cross, cross + entropy, sum((math.exp(log) - a) ** 2 for a, log in pairs) / len(q)


LOSSES = [masked_cross_entropy, kl_consistency, mean_squared_consistency]


@pytest.mark.parametrize("mask", [None, [1, 0, 1, 1, 0, 0, 1], [0] * 7])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("number", range(3))
def test_losses_are_means_over_the_samples_that_count(number, soft, mask):
    loss, z = LOSSES[number], logits().requires_grad_()
    target = probabilities(logits(seed=1))
    target[0] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    rows = target if soft else torch.eye(4, dtype=torch.float64)[target.argmax(dim=1)]
    each = [terms(*pair)[number] for pair in zip(z.tolist(), rows.tolist(), strict=True)]
    weights = mask or [1] * 7
    target = target.requires_grad_() if soft else target.argmax(dim=1)
    found = loss(z, target, None if mask is None else torch.tensor(mask).bool())
    expected = sum(w * t for w, t in zip(weights, each, strict=True)) / 7
    assert float(found.detach()) == pytest.approx(expected)
    found.backward()
    assert (z.grad.abs().sum(dim=1) > 0).tolist() == [bool(weight) for weight in weights]
    if number == 1:  # it has the gradient of the cross entropy
        other = LOSSES[0](z, target, None if mask is None else torch.tensor(mask).bool())
        torch.testing.assert_close(torch.autograd.grad(other, z)[0], z.grad)
    if soft:
        assert (target.grad is None) == (number < 2)
        assert number < 2 or bool(target.grad.any()) == any(weights)


# -- thresholds --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "unused", "warmup", "beta"),
    [
        ([8, 4, 0], 8, True, [1, 1 / 2, 0]),  # 20 images, of which 8 are of no class yet
        ([4, 2, 0], 14, True, [2 / 7, 1 / 7, 0]),
        ([4, 2, 0], 14, False, [1, 1 / 2, 0]),
        ([0, 0, 0], 9, True, [0, 0, 0]),
        ([0, 0, 0], 9, False, [0, 0, 0]),
        # Beyond what low precision can count.
        ([1_000_001, 500_001, 3], 7, True, [1, 500_001 / 1_000_001, 3 / 1_000_001]),
    ],
)
def test_flexmatch_by_hand(counts, unused, warmup, beta):
    counts = torch.tensor(counts)
    found = flexmatch_thresholds(counts, torch.tensor(unused), 0.9, warmup)
    assert found.tolist() == pytest.approx([0.9 * b / (2 - b) for b in beta])
    assert torch.equal(found, flexmatch_thresholds(counts, unused, 0.9, warmup))
    assert flexmatch_thresholds(counts.double(), unused, 0.9).dtype == torch.float64


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(0, 100), min_size=1, max_size=8),
    unused=st.integers(0, 300),
    tau=st.floats(0, 1),
    warmup=st.booleans(),
)
def test_flexmatch_thresholds_are_at_most_tau(counts, unused, tau, warmup):
    found = flexmatch_thresholds(torch.tensor(counts), torch.tensor(unused), tau, warmup)
    assert (found >= 0).all()
    assert (found <= tau + 1e-6).all()
    order = sorted(range(len(counts)), key=lambda c: counts[c])
    assert all(found[a] <= found[b] + 1e-6 for a, b in itertools.pairwise(order))


# -- alignment ---------------------------------------------------------------------------


def test_alignment():
    probs = probabilities(logits())
    running = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    target = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    found = align_distribution(probs, running, target)
    for row, aligned in zip(probs.tolist(), found.tolist(), strict=True):
        scaled = [p * t / r for p, t, r in zip(row, target.tolist(), running.tolist(), strict=True)]
        assert aligned == pytest.approx([s / sum(scaled) for s in scaled])
    # Of a class that never came.
    found = align_distribution(torch.tensor([[0.9, 0.1]]), torch.eye(2)[0], torch.full((2,), 0.5))
    assert float(found.sum()) == pytest.approx(1)
    assert found[0, 1] > 0.9


# -- ramps -------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(x=st.floats(0, 1), y=st.floats(0, 1), length=st.floats(0, 1))
def test_ramps_rise(x, y, length):
    x, y = sorted((x, y))
    for ramp in (
        lambda p: linear_ramp(p, length),
        lambda p: gaussian_ramp(p, length),
        half_cosine_ramp,
        lambda p: training_signal_annealing(p, 7, "exp"),
        lambda p: training_signal_annealing(p, 7, "log"),
    ):
        assert 0 <= ramp(x) <= ramp(y) <= 1 + 1e-12


@pytest.mark.parametrize(
    ("ramp", "values"),
    [
        (lambda x: linear_ramp(x, 0.4), {0: 0, 0.1: 0.25, 0.2: 0.5, 0.4: 1, 0.9: 1, 1: 1}),
        (lambda x: linear_ramp(x, 0), {0: 1}),
        (lambda x: gaussian_ramp(x, 0.4), {0: 0, 0.2: math.exp(-5 * 0.25), 0.4: 1, 1: 1}),
        (lambda x: gaussian_ramp(x, 0), {0: 1}),
        (half_cosine_ramp, {0: 0, 1 / 3: 0.25, 0.5: 0.5, 2 / 3: 0.75, 1: 1}),
        (lambda x: training_signal_annealing(x, 10), {0: 0.1, 0.5: 0.55, 1: 1}),
        (
            lambda x: training_signal_annealing(x, 10, "exp"),
            {0: 0.1 + 0.9 * math.exp(-5), 0.5: 0.1 + 0.9 * math.exp(-2.5), 1: 1},
        ),
        (
            lambda x: training_signal_annealing(x, 10, "log"),
            {0: 0.1, 0.5: 1 - 0.9 * math.exp(-2.5), 1: 1 - 0.9 * math.exp(-5)},
        ),
    ],
)
def test_values_of_ramps(ramp, values):
    assert {x: ramp(x) for x in values} == pytest.approx(values)


Z, ONES = logits(), torch.ones(4)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: linear_ramp(1.5, 0.5), r"progress must be in \[0, 1\], got 1.5"),
        (lambda: linear_ramp(0.5, -1), r"length must be in \[0, 1\], got -1"),
        (lambda: half_cosine_ramp(-0.1), r"progress must be in \[0, 1\], got -0.1"),
        (lambda: training_signal_annealing(0.5, 0), "num_classes must be at least 1, got 0"),
        (lambda: training_signal_annealing(0.5, 5, "cos"), "schedule must be one of .*got 'cos'"),
        (lambda: masked_cross_entropy(Z, Z, ONES), r"mask must be \(7,\), got \(4,\)"),
        (lambda: kl_consistency(Z, Z, ONES), r"mask must be \(7,\), got \(4,\)"),
        (lambda: sharpen(Z, 0), "temperature must be above 0 and finite, got 0"),
        (lambda: sharpen(Z, math.nan), "temperature must be above 0 and finite, got nan"),
        (lambda: align_distribution(Z, ONES[:3], ONES), r"running must be \(4,\), got \(3,\)"),
        (lambda: align_distribution(Z, ONES, ONES[:3]), r"target must be \(4,\), got \(3,\)"),
        (lambda: flexmatch_thresholds(ONES, 0, 2), r"tau must be in \[0, 1\], got 2"),
        (lambda: flexmatch_thresholds(Z, 0, 0.5), r"counts must be \(C,\), C .*got \(7, 4\)"),
        (lambda: flexmatch_thresholds(ONES[:0], 0, 0.5), r"counts must be \(C,\), .* \(0,\)"),
    ],
)
def test_bad_arguments(call, says):
    with pytest.raises(ValueError, match=says):
        call()


# -- where numbers are small, few or of low precision ---------------------------------------


@pytest.mark.parametrize("temperature", [0.25, 0.5])
def test_the_gradient_of_sharpening_where_a_probability_is_zero(temperature):
    """p^(1/T) has the slope 0 there, for T < 1."""
    probs = torch.tensor([[0.7, 0.3, 0.0]], dtype=torch.float64, requires_grad=True)
    sharpen(probs, temperature)[0, 0].backward()
    power = probs.detach() ** (1 / temperature)
    slope = probs.detach() ** (1 / temperature - 1) / temperature
    share = power / power.sum()
    expected = slope / power.sum() * (torch.tensor([[1.0, 0.0, 0.0]]) - share[0, 0])
    torch.testing.assert_close(probs.grad, expected)


@pytest.mark.parametrize("dtype", LOW[:2])
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
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-7)


@settings(max_examples=40, deadline=None)
@given(scores=st.lists(st.lists(st.floats(-4, 4), min_size=4, max_size=4), min_size=1, max_size=6))
def test_a_batch_that_is_aligned_stays(scores):
    probs = probabilities(torch.tensor(scores, dtype=torch.float64))
    mean = probs.mean(dim=0)
    torch.testing.assert_close(align_distribution(probs, mean, mean), probs)
    found = align_distribution(probs, mean, mean.flip(0))
    torch.testing.assert_close(found.sum(dim=1), torch.ones(len(probs), dtype=torch.float64))


def test_sure_of_a_class_that_the_target_lacks():
    target = torch.tensor([0.0, 0.25, 0.75])
    probs = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]], requires_grad=True)
    found = align_distribution(probs, torch.ones(3) / 3, target)
    torch.testing.assert_close(found.detach(), torch.stack([target, torch.tensor([0.0, 1.0, 0.0])]))
    found.square().sum().backward()
    assert probs.grad.isfinite().all()
