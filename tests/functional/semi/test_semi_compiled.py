"""The functions compiled, and that they never wait for the device."""

import pytest
import torch
from torch.testing import assert_close

from dmmix.functional.semi import (
    align_distribution,
    flexmatch_thresholds,
    hard_pseudo_labels,
    kl_consistency,
    masked_cross_entropy,
    mean_squared_consistency,
    sharpen,
)
from tests.laws.data import noise
from tests.mixups.waits import Waits


def hard(z, target, mask):
    classes, confidence = hard_pseudo_labels(target)
    return masked_cross_entropy(z, classes, confidence >= 0.5)


def soft(z, target, mask):
    return masked_cross_entropy(z, sharpen(target, 0.5), mask)


def aligned(z, target, mask):
    running = target.mean(dim=0)
    return masked_cross_entropy(z, align_distribution(target, running, running.flip(0)), mask)


def thresholds(z, target, mask):
    counts = mask.to(torch.int64)
    limits = [flexmatch_thresholds(counts, counts.sum(), 0.9, warmup) for warmup in (True, False)]
    return z.sum() * torch.cat(limits).sum()


def squared(z, target, mask):
    return mean_squared_consistency(z, target)


FUNCTIONS = [hard, soft, aligned, thresholds, squared, kl_consistency]


def arguments():
    target = noise(6, 5, seed=1).softmax(dim=1)
    mask = torch.tensor([True, False, True, True, False, True])
    return noise(6, 5).requires_grad_(), target, mask


@pytest.mark.parametrize("function", FUNCTIONS)
def test_compiles_as_one_graph(function):
    torch._dynamo.reset()
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    ours, theirs = arguments(), arguments()
    out, expected = compiled(*ours), function(*theirs)
    assert_close(out, expected, atol=1e-9, rtol=1e-9)
    out.backward()
    expected.backward()
    assert_close(ours[0].grad, theirs[0].grad, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_waits(function):
    given = arguments()
    with Waits() as waits:
        function(*given).backward()
    assert waits.found == []
    # Meta tensors have no values: whatever asks for one raises.
    z, target, mask = arguments()
    function(z.detach().to("meta").requires_grad_(), target.to("meta"), mask.to("meta")).backward()
