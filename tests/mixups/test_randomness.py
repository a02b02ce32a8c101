"""Random numbers depend on seed, rank and iteration, and on nothing else."""

import itertools

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch.utils.data import Dataset

from dmmix.mixups import current_epoch, randomness, step_generator


def number(stream=0):
    return torch.rand((), generator=step_generator(stream)).item()


def test_a_step_gives_the_same_numbers_however_often(runner):
    runner(seed=3, iter=7)
    first = number()
    torch.rand(5)
    assert number() == first
    runner(seed=3, iter=8)
    assert number() != first
    runner(seed=3, iter=7)
    assert number() == first


def test_seed_rank_iteration_and_stream_all_matter(runner, monkeypatch):
    seen = set()
    for seed, rank, step, stream in itertools.product(range(4), repeat=4):
        runner(seed=seed, iter=step)
        monkeypatch.setattr(randomness, "get_rank", lambda rank=rank: rank)
        seen.add(number(stream))
    assert len(seen) == 4**4


def test_without_a_runner_each_call_differs_and_the_seed_decides(no_runner):
    """torch.manual_seed before a mix did not give the same mix: calls were counted on."""

    def calls(seed):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return [number() for _ in range(4)]

    assert len(set(calls(0))) == 4
    assert calls(0) == calls(0)
    assert not set(calls(0)) & set(calls(1))


def test_without_a_runner_processes_differ(no_runner, monkeypatch):
    seen = set()
    for rank in range(4):
        monkeypatch.setattr(randomness, "get_rank", lambda rank=rank: rank)
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


def test_epoch(runner, no_runner):
    runner(epoch=4)
    assert current_epoch() == 4
    no_runner.pop_info("loop_stage")
    assert current_epoch() is None


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
