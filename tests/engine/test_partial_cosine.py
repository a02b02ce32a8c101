"""The first part of a cosine."""

import math

import pytest
import torch

from dmmix.engine import PartialCosineLR


def optimizer(*rates):
    groups = [dict(params=[torch.nn.Parameter(torch.ones(1))], lr=rate) for rate in rates]
    return torch.optim.SGD(groups, lr=1.0)


def rates_of(schedule, steps):
    seen = []
    for _ in range(steps):
        seen.append([group["lr"] for group in schedule.optimizer.param_groups])
        schedule.step()
    return seen


@pytest.mark.parametrize("fraction", [7 / 16, 0.25, 0.5])
def test_every_step(fraction):
    schedule = PartialCosineLR(optimizer(0.03, 0.3), T_max=10, fraction=fraction, by_epoch=False)
    for step, (first, second) in enumerate(rates_of(schedule, 14)):
        factor = math.cos(math.pi * fraction * min(step, 10) / 10)
        assert first == pytest.approx(0.03 * factor)
        assert second == pytest.approx(0.3 * factor)


def test_goes_on_from_its_state():
    whole = rates_of(PartialCosineLR(optimizer(1.0), T_max=10), 10)
    first = PartialCosineLR(optimizer(1.0), T_max=10)
    rates_of(first, 4)
    second = PartialCosineLR(optimizer(1.0), T_max=10)
    second.load_state_dict(first.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    assert rates_of(second, 6) == whole[4:]


def test_it_ends_at_a_fifth_and_stays_and_epochs_become_iterations():
    seen = rates_of(PartialCosineLR(optimizer(1.0), T_max=4), 7)
    assert seen[4] == seen[6] == [pytest.approx(0.19509, abs=1e-5)]
    schedule = PartialCosineLR.build_iter_from_epoch(optimizer(1.0), T_max=5, epoch_length=3)
    assert rates_of(schedule, 16)[7] == [pytest.approx(math.cos(math.pi * 7 / 16 * 7 / 15))]
    for options, says in (
        (dict(T_max=0), "T_max must be at least 1, got 0"),
        (dict(T_max=5, fraction=0), "fraction must be above 0 and at most 0.5, got 0"),
        (dict(T_max=5, fraction=0.6), "fraction must be above 0 and at most 0.5, got 0.6"),
    ):
        with pytest.raises(ValueError, match=says):
            PartialCosineLR(optimizer(1.0), **options)
