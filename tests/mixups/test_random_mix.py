"""RandomMix: which mix, for which samples, when."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.mixups import CutMix, Mix, Mixup, RandomMix


class Counting(Mix):
    """A mix that can be told apart: adds ``value`` to the images, and counts its calls."""

    def __init__(self, value):
        self.value, self.calls, self.guides = value, 0, []

    def apply(self, images, labels, generator, guide):
        self.calls += 1
        self.guides.append(guide)
        mixed = CutMix(fixed_points=False).mix(images, labels, generator)
        return mixed._replace(images=torch.full_like(images, self.value))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=10):
    return torch.randn(n, 3, 6, 8, generator=generator(9)), torch.arange(n)


def who(mixed):
    """What each sample got: the value of its mix, 0 for none."""
    values = mixed.images[:, 0, 0, 0]
    same = (mixed.images == values[:, None, None, None]).all(3).all(2).all(1)
    return [int(v) if s else 0 for v, s in zip(values, same, strict=True)]


def runs(mix, n=10, times=400, **options):
    images, labels = batch(n)
    g = generator(1)
    return [who(mix.mix(images, labels, g, **options)) for _ in range(times)]


def frequency(found, value):
    flat = [v for row in found for v in row]
    return flat.count(value) / len(flat)


@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize(
    ("probs", "expected"),
    [
        (None, [0, 0.5, 0.5]),
        ([0.2, 0.5], [0.3, 0.2, 0.5]),
        ([0, 1], [0, 0, 1]),
        ([0, 0], [1, 0, 0]),
        ([0.9, 0.1 + 1e-9], [0, 0.9, 0.1]),
    ],
)
def test_probabilities(probs, expected, per_sample):
    certain = all(p in (0, 1) for p in expected)
    mix = RandomMix([Counting(1), Counting(2)], probs, per_sample)
    found = runs(mix, times=40 if certain else 400)
    for value, p in enumerate(expected):
        if p in (0, 1):
            assert frequency(found, value) == p
        else:
            assert frequency(found, value) == pytest.approx(p, abs=0.08)
    if not per_sample:
        assert all(len(set(row)) == 1 for row in found)
    elif sum(p > 0 for p in expected) > 1:
        assert sum(len(set(row)) > 1 for row in found) > 200


@pytest.mark.parametrize("per_sample", [False, True])
@pytest.mark.parametrize(
    ("fraction", "n", "mixed"), [(0.5, 10, 5), (0.25, 10, 3), (1, 7, 7), (0, 7, 0), (0.5, 1, 1)]
)
def test_fraction_is_exact_and_takes_each_sample_alike(fraction, n, mixed, per_sample):
    mix = RandomMix([Counting(1)], per_sample=per_sample, fraction=fraction)
    found = runs(mix, n, times=40 if mixed in (0, n) else 400)
    assert all(sum(row) == mixed for row in found)
    often = torch.tensor(found).double().mean(0)
    assert_close(often, torch.full((n,), mixed / n).double(), rtol=0, atol=0.12)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("mixups", [[Mixup()], [CutMix()], [Mixup(), CutMix()]])
def test_unmixed_samples_stay_bit_for_bit(mixups, dense):
    images, labels = batch()
    mix = RandomMix(mixups, per_sample=True, fraction=0.5)
    # No sample is paired with itself, so that each mixed one is recognised.
    for inner in mix.mixups:
        inner.fixed_points = False
    for seed in range(10):
        mixed = mix.mix(images, torch.eye(10) if dense else labels, generator(seed))
        soft = mixed.labels if dense else mixed.labels.dense(10)
        own = soft.diagonal()
        left = (mixed.images == images).flatten(1).all(1)
        assert left.sum() >= 5
        assert_close(own[left], torch.ones(int(left.sum())), rtol=0, atol=0)
        assert bool((own[~left] < 1).all())
        if not dense:
            assert mixed.labels.classes.shape == (10, 2)


def test_only_mixes_that_somebody_chose_run():
    mixups = [Counting(1), Counting(2)]
    mix = RandomMix(mixups)
    runs(mix, times=50)
    assert sum(m.calls for m in mixups) == 50
    mixups = [Counting(1), Counting(2)]
    runs(RandomMix(mixups, [0.5, 0], per_sample=True), times=50)
    assert mixups[1].calls == 0
    assert mixups[0].calls <= 50
    mixups = [Counting(1)]
    runs(RandomMix(mixups, fraction=0), times=5)
    assert mixups[0].calls == 0


def test_the_guide_is_passed_on():
    inner, guide = Counting(1), object()
    RandomMix([RandomMix([inner])]).mix(*batch(), generator(), guide)
    assert inner.guides == [guide]


def test_epochs(runner):
    images, labels = batch()
    mix = RandomMix([Counting(1)], start_epoch=2, stop_epoch=4)
    on = []
    for epoch in range(6):
        runner(epoch=epoch)
        mixed = mix.mix(images, labels)
        on.append(who(mixed)[0])
        assert mixed.labels.classes.shape == (10, 2)
    assert on == [0, 0, 1, 1, 0, 0]
    always = RandomMix([Counting(1)])
    runner(epoch=1000)
    assert who(always.mix(images, labels))[0] == 1


def test_without_a_runner_there_are_no_epochs(no_runner):
    assert who(RandomMix([Counting(1)], start_epoch=5).mix(*batch()))[0] == 1


def test_nested():
    inner = dict(
        type="RandomMix", mixups=[dict(type="CutMix"), dict(type="Mixup", alpha=0.2)], fraction=0.5
    )
    mix = RandomMix([inner, RandomMix([Counting(3)])], per_sample=True)
    assert isinstance(mix.mixups[0], RandomMix)
    images, labels = batch()
    mixed = mix.mix(images, labels, generator(3))
    mixed.labels.validate(10)
    assert 3 in who(mixed)
    assert mixed.mask.shape == (10, 1, 6, 8)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (dict(mixups=dict(type="CutMix")), TypeError, "mixups must be a list"),
        (dict(mixups=[dict(type="NoSuchMix")]), KeyError, "NoSuchMix"),
        (dict(mixups=[dict(alpha=1.0)]), KeyError, "type"),
        (dict(probs=[1.0]), ValueError, "one for each of the 2 mixups, got 1"),
        (dict(probs=[0.6, 0.5]), ValueError, "sum to at most 1, got"),
        (dict(probs=0.5), TypeError, "probs must be a list"),
        (dict(fraction="all"), TypeError, "fraction must be a number"),
        (dict(start_epoch=3, stop_epoch=3), ValueError, "stop_epoch must be after start_epoch=3"),
    ],
)
def test_errors(options, error, message):
    options = dict(mixups=[dict(type="CutMix"), dict(type="Mixup")]) | options
    with pytest.raises(error, match=message):
        RandomMix(**options)
