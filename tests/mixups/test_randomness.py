"""Random numbers depend on seed, rank and iteration, and on nothing else."""

import hashlib
import itertools
import subprocess
import sys

import pytest
import torch
from mmengine.dist import get_rank

from dmmix.mixups import (
    RandomStream,
    TrainingState,
    current_epoch,
    randomness,
    set_source,
    step_generator,
    training_progress,
)


def number(stream=RandomStream.MIX):
    return torch.rand((), generator=step_generator(stream)).item()


@pytest.fixture
def source():
    """Asks nobody, until a test gives another one."""
    before = set_source(None)
    yield set_source
    set_source(before)


def test_random_streams_keep_their_numbers():
    """They are part of every seed; so is how a number is written."""
    assert {each.name: int(each) for each in RandomStream} == {
        "MIX": 0,
        "AUGMENTATION": 1,
        "STREAM_MIX": 2,
        "OWN_MIX": 3,
    }


def test_the_seed_is_a_hash_of_what_the_step_is(source):
    source(lambda: TrainingState(rank=2, seed=3, iteration=7))
    key = b"('step', 3, 2, 7, 1)"
    digest = hashlib.blake2b(key, digest_size=8).digest()
    assert step_generator(RandomStream.AUGMENTATION).initial_seed() == (
        int.from_bytes(digest, "little") >> 1
    )


def test_a_step_gives_the_same_numbers_however_often(runner):
    runner(seed=3, iter=7)
    first = number()
    torch.rand(5)
    assert number() == first
    runner(seed=3, iter=8)
    assert number() != first
    runner(seed=3, iter=7)
    assert number() == first


def test_seed_rank_iteration_and_stream_all_matter(source):
    seen = set()
    for seed, rank, step, stream in itertools.product(range(4), repeat=4):
        state = TrainingState(rank, seed, step)
        source(lambda state=state: state)
        seen.add(number(stream))
    assert len(seen) == 4**4


@pytest.mark.parametrize("mmengine", [True, False])
def test_without_a_training_each_call_differs_and_the_seed_decides(no_runner, request, mmengine):
    """torch.manual_seed before a mix did not give the same mix: calls were counted on."""
    if not mmengine:
        request.getfixturevalue("source")

    def calls(seed):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return [number() for _ in range(4)]

    assert len(set(calls(0))) == 4
    assert calls(0) == calls(0)
    assert not set(calls(0)) & set(calls(1))
    assert current_epoch() is training_progress() is None


def test_without_a_training_processes_differ(source):
    seen = set()
    for rank in range(4):
        source(lambda rank=rank: TrainingState(rank))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            seen.add(number())
    assert len(seen) == 4


def test_outside_of_training_the_iteration_stands_still_and_numbers_go_on(runner, no_runner):
    for stage in ("val", "test", None):
        no_runner.update_info("loop_stage", stage)
        assert number() != number()
        assert current_epoch() is None


def test_the_global_generator_is_left_alone(no_runner, runner):
    state = torch.get_rng_state()
    number()
    assert torch.equal(state, torch.get_rng_state())


def test_epoch_and_progress(runner, no_runner):
    runner(epoch=4, iter=3)
    assert current_epoch() == 4
    assert training_progress() is None  # nobody said of how many
    for length, part in ((12, 0.25), (3, 1.0), (2, 1.0), (0, 1.0)):
        runner(max_iters=length)
        assert training_progress() == part
    no_runner.pop_info("loop_stage")
    assert current_epoch() is training_progress() is None


def test_ranks_are_those_of_the_process_group(source, monkeypatch):
    assert randomness._torch().rank == get_rank() == 0
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 5)
    assert randomness._torch().rank == 5


STOCK = """
import dmmix.registry
from mmengine.logging import MessageHub
from dmmix.mixups.randomness import current_epoch
MessageHub.get_instance("x").update_info_dict({"loop_stage": "train", "epoch": 6})
print(current_epoch())
"""


def test_the_registry_alone_is_enough_for_a_stock_run(fresh_mmengine):
    command = [sys.executable, "-W", "ignore", "-c", STOCK]
    run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert run.stdout.splitlines()[-1:] == ["6"], run.stderr
