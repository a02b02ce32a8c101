"""Random numbers depend on seed, rank and iteration, and on nothing else."""

import hashlib
import itertools
import subprocess
import sys

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

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


ALONE = """
import importlib.util, sys
sys.modules["mmengine"] = None  # importing it raises
spec = importlib.util.spec_from_file_location("randomness", sys.argv[1])
alone = importlib.util.module_from_spec(spec)
spec.loader.exec_module(alone)
import torch
torch.manual_seed(3)
print(alone.step_generator(alone.RandomStream.OWN_MIX).initial_seed())
print(alone.current_epoch(), alone.training_progress())
print([name for name in sys.modules if name.startswith(("dmmix", "mmpretrain"))])
"""


def test_with_torch_alone_the_numbers_are_the_same(no_runner):
    command = [sys.executable, "-W", "ignore", "-c", ALONE, randomness.__file__]
    run = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    seed, unknown, imported = run.stdout.splitlines()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        assert int(seed) == step_generator(RandomStream.OWN_MIX).initial_seed()
    assert unknown == "None None"
    assert imported == "[]"


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


class Zeros(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return torch.zeros(1)


class Recorder(BaseModel):
    """Trains nothing; keeps what it drew."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.drawn = []

    def forward(self, inputs, mode="tensor"):
        self.drawn.append((number(), current_epoch()))
        return dict(loss=self.layer(inputs).sum())

    def train_step(self, data, optim_wrapper):
        loss = self(data)["loss"]
        optim_wrapper.update_params(loss)
        return dict(loss=loss.detach())


def train(folder, epochs, seed=5, resume=False):
    runner = Runner(
        Recorder(),
        str(folder),
        train_dataloader=dict(
            dataset=Zeros(),
            batch_size=2,
            sampler=dict(type="DefaultSampler", shuffle=True),
            collate_fn=dict(type="default_collate"),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
        default_hooks=dict(checkpoint=dict(type="CheckpointHook", interval=1)),
        randomness=dict(seed=seed),
        resume=resume,
        log_level="ERROR",
        experiment_name=f"{folder.name}-{epochs}-{resume}",
    )
    return runner.train().drawn


@pytest.mark.openmmlab
def test_an_interrupted_run_goes_on_with_the_same_numbers(tmp_path):
    from dmmix import compat

    compat.prepare()
    whole = train(tmp_path / "whole", 4)
    assert [epoch for _, epoch in whole] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert len({n for n, _ in whole}) == 8
    first = train(tmp_path / "parts", 2)
    rest = train(tmp_path / "parts", 4, resume=True)
    assert first + rest == whole
    assert train(tmp_path / "other", 1, seed=6) != whole[:2]
