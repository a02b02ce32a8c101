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


def test_hard_pseudo_labels():
    z = logits()
    classes, confidence = hard_pseudo_labels(z)
    for k, row in enumerate(z.tolist()):
        probs = softmax(row)
        assert probs[int(classes[k])] == max(probs)
        assert float(confidence[k]) == pytest.approx(max(probs))


@pytest.mark.parametrize("dtype", LOW)
def test_confidence_is_worked_out_in_float32(dtype):
    z = logits().to(dtype).requires_grad_()
    found = hard_pseudo_labels(z)
    assert found.confidence.dtype == torch.float32
    assert not found.confidence.requires_grad
    expected = probabilities(z.detach().double()).max(dim=1).values
    torch.testing.assert_close(found.confidence.double(), expected, rtol=1e-6, atol=1e-7)


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


def test_sharpening_of_certain_and_tiny_probabilities():
    probs = torch.tensor([[1.0, 0.0, 0.0], [1e-30, 1 - 1e-7, 1e-30]])
    assert torch.equal(sharpen(probs, 0.01), torch.tensor([[1.0, 0, 0], [0, 1, 0]]))


@pytest.mark.parametrize("temperature", [0, -1, math.inf, math.nan])
def test_bad_temperatures(temperature):
    with pytest.raises(ValueError, match="temperature must be above 0 and finite, got"):
        sharpen(torch.ones(1, 2) / 2, temperature)


# -- losses ------------------------------------------------------------------------------


def cross_entropy(row, target):
    lse = max(row) + math.log(sum(math.exp(z - max(row)) for z in row))
    return sum(q * (lse - z) for q, z in zip(target, row, strict=True))


def one_hot(c, n=4):
    return [float(k == c) for k in range(n)]


@pytest.mark.parametrize("mask", [None, [1, 0, 1, 1, 0, 0, 1], [0] * 7])
@pytest.mark.parametrize("soft", [False, True])
def test_masked_cross_entropy(mask, soft):
    z, target = logits(), probabilities(logits(seed=1))
    target = target if soft else target.argmax(dim=1)
    rows = target.tolist() if soft else [one_hot(c) for c in target.tolist()]
    terms = [cross_entropy(r, q) for r, q in zip(z.tolist(), rows, strict=True)]
    weights = mask or [1] * 7
    expected = sum(w * t for w, t in zip(weights, terms, strict=True)) / 7
    given_mask = None if mask is None else torch.tensor(mask).bool()
    found = masked_cross_entropy(z, target, given_mask)
    assert float(found) == pytest.approx(expected)


@pytest.mark.parametrize("mask", [None, [1, 0, 1, 1, 0, 0, 1]])
def test_kl(mask):
    z, target = logits(), probabilities(logits(seed=1))
    target[0] = torch.tensor([0.0, 1.0, 0.0, 0.0])  # 0 log 0 is 0
    total = 0.0
    for k, (row, q) in enumerate(zip(z.tolist(), target.tolist(), strict=True)):
        p = softmax(row)
        term = sum(a * math.log(a / b) for a, b in zip(q, p, strict=True) if a > 0)
        total += term * (1 if mask is None else mask[k])
    given_mask = None if mask is None else torch.tensor(mask).bool()
    assert float(kl_consistency(z, target, given_mask)) == pytest.approx(total / 7)
    assert float(kl_consistency(z, probabilities(z))) == pytest.approx(0, abs=1e-12)


def test_kl_has_the_gradient_of_the_cross_entropy():
    z, target = logits().requires_grad_(), probabilities(logits(seed=1))
    (first,) = torch.autograd.grad(kl_consistency(z, target), z)
    (second,) = torch.autograd.grad(masked_cross_entropy(z, target), z)
    torch.testing.assert_close(first, second)


def test_squared():
    z, target = logits(), probabilities(logits(seed=1))
    total = 0.0
    for row, q in zip(z.tolist(), target.tolist(), strict=True):
        total += sum((a - b) ** 2 for a, b in zip(softmax(row), q, strict=True))
    assert float(mean_squared_consistency(z, target)) == pytest.approx(total / 28)


@pytest.mark.parametrize("loss", [masked_cross_entropy, kl_consistency])
def test_bad_masks(loss):
    with pytest.raises(ValueError, match=r"mask must be \(7,\), got \(6,\)"):
        loss(logits(), torch.ones(7, 4), torch.ones(6))


@pytest.mark.parametrize("loss", [masked_cross_entropy, kl_consistency])
def test_targets_get_no_gradient(loss):
    z, target = logits().requires_grad_(), probabilities(logits(seed=1)).requires_grad_()
    loss(z, target).backward()
    assert target.grad is None
    assert z.grad.abs().sum() > 0


def test_a_squared_target_gets_one():
    target = probabilities(logits(seed=1)).requires_grad_()
    mean_squared_consistency(logits(), target).backward()
    assert target.grad.abs().sum() > 0


# -- thresholds --------------------------------------------------------------------------


def test_flexmatch_by_hand():
    """20 images: 8 of class 0, 4 of class 1, none of class 2, 8 of none yet. beta = counts / 8:
    1, 1/2, 0. beta / (2 - beta): 1, 1/3, 0. With tau = .9: .9, .3, 0."""
    found = flexmatch_thresholds(torch.tensor([8, 4, 0]), torch.tensor(8), 0.9)
    assert found.tolist() == pytest.approx([0.9, 0.3, 0.0])


def test_flexmatch_warms_up_by_hand():
    """20 images: 4, 2, 0, and 14 of none yet. beta = counts / 14: 2/7, 1/7, 0; beta / (2 - beta):
    1/6, 1/13, 0. Without warm-up beta = counts / 4: 1, 1/2, 0."""
    counts, unused = torch.tensor([4, 2, 0]), torch.tensor(14)
    warm = flexmatch_thresholds(counts, unused, 0.9, warmup=True)
    assert warm.tolist() == pytest.approx([0.9 / 6, 0.9 / 13, 0.0])
    cold = flexmatch_thresholds(counts, unused, 0.9, warmup=False)
    assert cold.tolist() == pytest.approx([0.9, 0.3, 0.0])


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


def test_bad_thresholds():
    with pytest.raises(ValueError, match=r"tau must be in \[0, 1\], got 2"):
        flexmatch_thresholds(torch.ones(2), torch.tensor(0), 2)
    for wrong in (torch.ones(2, 2), torch.ones(0)):
        with pytest.raises(ValueError, match=r"counts must be \(C,\), C at least 1, got \(\d, ?2?"):
            flexmatch_thresholds(wrong, torch.tensor(0), 0.5)


# -- alignment ---------------------------------------------------------------------------


def test_alignment():
    probs = probabilities(logits())
    running = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    target = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
    found = align_distribution(probs, running, target)
    for row, aligned in zip(probs.tolist(), found.tolist(), strict=True):
        scaled = [p * t / r for p, t, r in zip(row, target.tolist(), running.tolist(), strict=True)]
        assert aligned == pytest.approx([s / sum(scaled) for s in scaled])


def test_what_is_aligned_stays():
    probs = probabilities(logits())
    even = torch.full((4,), 0.25, dtype=torch.float64)
    torch.testing.assert_close(align_distribution(probs, even, even), probs)


def test_alignment_of_a_class_that_never_came():
    running = torch.tensor([1.0, 0.0])
    found = align_distribution(torch.tensor([[0.9, 0.1]]), running, torch.tensor([0.5, 0.5]))
    assert torch.isfinite(found).all()
    assert float(found.sum()) == pytest.approx(1)
    assert found[0, 1] > 0.9


def test_bad_alignment():
    with pytest.raises(ValueError, match=r"running must be \(4,\), got \(3,\)"):
        align_distribution(probabilities(logits()), torch.ones(3), torch.ones(4))
    with pytest.raises(ValueError, match=r"target must be \(4,\), got \(3,\)"):
        align_distribution(probabilities(logits()), torch.ones(4), torch.ones(3))


# -- ramps -------------------------------------------------------------------------------


def test_linear_ramp():
    assert [linear_ramp(x, 0.4) for x in (0, 0.1, 0.2, 0.4, 0.9, 1)] == [0, 0.25, 0.5, 1, 1, 1]
    assert linear_ramp(0, 0) == 1


def test_gaussian_ramp():
    assert gaussian_ramp(0, 0.4) == 0
    assert gaussian_ramp(0.2, 0.4) == pytest.approx(math.exp(-5 * 0.25))
    assert gaussian_ramp(0.4, 0.4) == gaussian_ramp(1, 0.4) == gaussian_ramp(0, 0) == 1


def test_half_cosine_ramp():
    found = [half_cosine_ramp(x) for x in (0, 1 / 3, 0.5, 2 / 3, 1)]
    assert found == pytest.approx([0, 0.25, 0.5, 0.75, 1])


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
    ("schedule", "half"), [("linear", 0.5), ("exp", math.exp(-2.5)), ("log", 1 - math.exp(-2.5))]
)
def test_annealing(schedule, half):
    found = training_signal_annealing(0.5, 10, schedule)
    assert found == pytest.approx(half * 0.9 + 0.1)
    assert training_signal_annealing(1, 10, schedule) == pytest.approx(1, abs=0.01)
    assert training_signal_annealing(0, 10, schedule) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: linear_ramp(1.5, 0.5), r"progress must be in \[0, 1\], got 1.5"),
        (lambda: linear_ramp(0.5, -1), r"length must be in \[0, 1\], got -1"),
        (lambda: half_cosine_ramp(-0.1), r"progress must be in \[0, 1\], got -0.1"),
        (lambda: training_signal_annealing(0.5, 0), "num_classes must be at least 1, got 0"),
        (lambda: training_signal_annealing(0.5, 5, "cos"), "schedule must be one of .*got 'cos'"),
    ],
)
def test_bad_ramps(call, says):
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


def test_the_gradient_of_sharpening_by_differences():
    assert torch.autograd.gradcheck(
        lambda z: sharpen(z.softmax(dim=1), 0.4), noise(4, 5).requires_grad_()
    )


def test_sharpening_does_not_hide_what_is_no_number():
    probs = torch.tensor([[float("nan"), 0.5, 0.5], [0.2, 0.3, 0.5]])
    found = sharpen(probs, 0.5)
    assert found[0].isnan().all()
    assert found[1].isfinite().all()


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


@pytest.mark.parametrize("loss", [masked_cross_entropy, kl_consistency])
def test_samples_that_do_not_count_teach_nothing(loss):
    z = noise(4, 3).requires_grad_()
    mask = torch.tensor([True, False, False, True])
    loss(z, probabilities(noise(4, 3, seed=1)), mask).backward()
    assert (z.grad.abs().sum(dim=1) > 0).tolist() == mask.tolist()


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
