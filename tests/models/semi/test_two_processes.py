"""Two processes learn what one learns from their batches together."""

from contextlib import ExitStack, contextmanager
from unittest import mock

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.testing import assert_close

from dmmix.models.semi import UDA, DistributionAlignment, FixMatch, FlexMatch, MeanTeacher
from dmmix.models.transfer import SelfTuning
from tests.engine.small import in_two_processes
from tests.laws.methods import build, tell

from .small import batch, total

OPTIONS = {FlexMatch: dict(threshold=0.45)}
KINDS = [FixMatch, FlexMatch, UDA, MeanTeacher, SelfTuning]


def half(tensor, rank):
    return tensor.chunk(2)[rank]


@contextmanager
def one_process():
    """What asks the other processes gets its own answer."""
    with ExitStack() as patches:
        for module in ("semi.parts.flex_threshold", "transfer.self_tuning"):
            name = f"dmmix.models.{module}.all_gather"
            patches.enter_context(mock.patch(name, lambda tensor: [tensor]))
        yield


def compare(kind, rank):
    """Gradients and what is remembered, over three steps."""
    model, alone = (build(kind, **OPTIONS.get(kind, {})) for _ in range(2))
    for each in (model, alone):
        tell(each, 16)
    parallel = DistributedDataParallel(model)
    for step in range(3):
        inputs, labels, index = batch(model, labelled=4, mu=4, seed=step)
        mine = {name: half(images, rank) for name, images in inputs.items()}
        total(
            parallel(mine, mode="loss", labels=half(labels, rank), index=half(index, rank))
        ).backward()
        with one_process():
            total(alone.loss(inputs, labels, index)).backward()
    for ours, whole in zip(model.parameters(), alone.parameters(), strict=True):
        if whole.requires_grad:
            assert_close(ours.grad, whole.grad, rtol=1e-9, atol=1e-12)
    if kind is SelfTuning:
        assert torch.equal(model.queues.pushed, alone.queues.pushed)
        assert_close(model.queues.keys, alone.queues.keys)
    if kind is FlexMatch:
        assert torch.equal(model.masking.learned, alone.masking.learned)
        assert (model.masking.learned >= 0).any()


def compare_alignment(rank):
    both, alone = DistributionAlignment(3, window=2), DistributionAlignment(3, window=2)
    for step in range(3):
        generator = torch.Generator().manual_seed(step)
        probs = torch.randn(8, 3, generator=generator).softmax(dim=1)
        found = both(half(probs, rank))
        # Of the joined batch the mean is the same.
        assert_close(found, half(alone(probs), rank))
    assert_close(both.recent, alone.recent)


def work(rank, folder):
    for kind in KINDS:
        compare(kind, rank)
    compare_alignment(rank)


@pytest.mark.slow
@pytest.mark.skipif(not dist.is_available(), reason="torch without distributed")
def test_two_processes(tmp_path):
    in_two_processes(work, tmp_path)
