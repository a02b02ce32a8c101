"""Mixes that ask the model, and those inside and around it, in two processes that train it."""

import os
import socket
import time

import pytest
import torch
import torch.distributed as dist
from torch import multiprocessing
from torch.nn.parallel import DistributedDataParallel
from torch.testing import assert_close

from dmmix.functional import decoupled_mixup_cross_entropy
from dmmix.mixups import (
    AlignMix,
    AttentiveMix,
    CoMixup,
    CutMix,
    GuidedMixup,
    ManifoldMix,
    Mixup,
    PuzzleMix,
    RandomMix,
    RegMixup,
    SnapMix,
    TransMix,
)
from tests.laws.small_model import SmallModel

MIXES = [
    ManifoldMix(),
    AlignMix(stages=[2]),
    RegMixup(Mixup(alpha=20.0)),
    TransMix(),
    AttentiveMix(),
    SnapMix(),
    GuidedMixup(),
    PuzzleMix(block_num=4),
    CoMixup(),
    RandomMix([ManifoldMix(), CutMix()], fraction=0.5),
]


def network():
    model = SmallModel(classes=5)
    model.drop.p = 0.0
    return model


def gradient(run, guide, mix, rank, number):
    """Gradients of two steps, of different images and with different draws on each rank."""
    draw = torch.Generator().manual_seed(10 * number + rank)
    images = torch.randn(4, 3, 16, 16, generator=draw)
    mixed = mix.mix(images, torch.arange(4), draw, guide)
    with guide.step(mixed) as step:
        logits = run(mixed.images)
    labels = step.settle()
    decoupled_mixup_cross_entropy(logits, labels, 0.1, sample_weight=mixed.weights).backward()


def compare(mix, rank):
    model, alone = network(), network()
    guide, guide_alone = model.guide(), alone.guide()
    parallel = DistributedDataParallel(model)
    with parallel.no_sync():  # gradients of the first step wait for those of the second
        gradient(parallel, guide, mix, rank, 0)
    gradient(parallel, guide, mix, rank, 1)
    for number in range(2):
        gradient(alone, guide_alone, mix, rank, number)
    for mine, own in zip(model.parameters(), alone.parameters(), strict=True):
        expected = own.grad.clone()
        dist.all_reduce(expected)
        assert_close(mine.grad, expected / 2, rtol=1e-4, atol=1e-6)
    assert not any(m._forward_hooks for m in model.modules())


def work(rank, port):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    for mix in MIXES:
        compare(mix, rank)
    # As dmmix.engine.leave_processes, which would import far more than this needs: both are
    # through, what was parallel is gone, and gloo has let go of its tensors.
    for _ in range(3):
        dist.barrier()
        time.sleep(0.05)
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.skipif(not dist.is_available(), reason="torch without distributed")
def test_gradients_are_the_mean_of_those_of_the_processes():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(work, args=(port,), nprocs=2)
