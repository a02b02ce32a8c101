"""RandomMix: which mix, for which samples, when."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.mixups import CutMix, RandomMix
from tests.laws import data
from tests.laws.data import generator


class Counting(CutMix):
    """A mix that can be told apart: images of one ``value``; and counts its calls."""

    def __init__(self, value):
        super().__init__(fixed_points=False)
        self.value, self.calls = value, 0

    def blend(self, images, labels, draws, answers=None):
        self.calls += 1
        mixed = super().blend(images, labels, draws, answers)
        return mixed._replace(images=torch.full_like(images, self.value))


def batch(n=10):
    return data.batch(n, size=(6, 8))


def who(mixed):
    """What each sample got: the value of its mix, 0 for none."""
    values = mixed.images[:, 0, 0, 0]
    same = (mixed.images == values[:, None, None, None]).all(3).all(2).all(1)
    return [int(v) if s else 0 for v, s in zip(values, same, strict=True)]


def runs(mix, n=10, times=400):
    images, labels = batch(n)
    g = generator(1)
    return [who(mix.mix(images, labels, g)) for _ in range(times)]


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


@pytest.mark.parametrize(
    ("config", "message"), [(dict(type="NoSuchMix"), "NoSuchMix"), (dict(alpha=1.0), "type")]
)
def test_what_is_no_mix_is_an_error(config, message):
    with pytest.raises(KeyError, match=message):
        RandomMix([config])
