"""Datasets that draw by epoch hear of it before their workers start."""

import contextlib
import inspect

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.runner import IterBasedTrainLoop
from torch.utils.data import BatchSampler

from tests.engine.small import Net, Numbers, Stop, StopAt, toy_runner

pytestmark = pytest.mark.openmmlab


class Seen(Net):
    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, inputs, mode="tensor"):
        self.seen += [int(epoch) for epoch, _ in inputs]
        return super().forward(inputs)


class Epochs(torch.utils.data.Dataset):
    """Its samples are the epoch that it was told of."""

    epoch = -1

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return {"inputs": torch.full((2,), float(self.epoch))}


class Shared(Epochs):
    """The same in memory that workers share, and with more than one batch."""

    def __init__(self, length=6):
        self.length = length
        self.shared = torch.tensor(0.0).share_memory_()

    def __setstate__(self, state):  # mmengine copies it
        self.__dict__.update(state)
        self.shared.share_memory_()

    def set_epoch(self, epoch):
        self.shared.fill_(epoch)

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return {"inputs": self.shared.repeat(2)}


def runner(work_dir, dataset, interval=1, train_cfg=None, custom_hooks=(), **loader):
    train_cfg = train_cfg or {"by_epoch": True, "max_epochs": 3}
    by_epoch = train_cfg["by_epoch"]
    checkpoint = {"type": "CheckpointHook", "interval": interval, "by_epoch": by_epoch}
    return toy_runner(
        work_dir,
        Seen(),
        dataset,
        loader={"sampler": {"type": "DefaultSampler"}, **loader},
        hooks={"checkpoint": checkpoint},
        train_cfg=train_cfg,
        custom_hooks=list(custom_hooks),
        resume=True,
    )


@pytest.mark.parametrize("workers", [0, 1])
def test_each_epoch_is_told_to_the_dataset_of_the_workers(tmp_path, workers):
    run = runner(tmp_path, Epochs(), num_workers=workers)
    run.train()
    assert run.model.seen == [0, 0, 1, 1, 2, 2]


# Iteration-based loops


@pytest.fixture
def iterations(tmp_path, monkeypatch):
    """``iterations(N...)`` trains so many, by one runner after the other: the epoch of each."""
    monkeypatch.setattr("mmengine.runner.loops.time.sleep", lambda seconds: None)

    def run(*stops, train_cfg=None, dataset=None, **loader):
        seen = []
        for stop in stops:
            cfg = {"by_epoch": False, "max_iters": 20, **(train_cfg or {})}
            made = runner(
                tmp_path, dataset or Shared(), stops[0], cfg, custom_hooks=[StopAt(stop)], **loader
            )
            with contextlib.suppress(Stop):
                made.train()
            seen.append(made.model.seen[::2])
        return seen

    return run


@pytest.mark.parametrize(
    ("dataset", "options", "epochs"),
    [
        (Shared(), dict(), [0, 0, 0, 1, 1, 1, 2, 2]),
        (Shared(), dict(num_workers=1), [0, 0, 0, 1, 1, 1, 2, 2]),
        (Shared(5), dict(), [0, 0, 0, 1, 1]),  # the last batch is not full
        (Numbers(6), dict(), [0] * 4),  # it draws nothing
        (Shared(14), dict(num_workers=2, persistent_workers=True), [0] * 7 + [1]),
    ],
)
def test_each_start_of_the_loader_is_an_epoch(iterations, dataset, options, epochs):
    assert iterations(len(epochs), dataset=dataset, **options) == [epochs]


@pytest.mark.parametrize("stop", [2, 3, 4, 6])
@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_resumed_run_goes_on_in_its_epoch(iterations, stop, workers):
    whole = [0, 0, 0, 1, 1, 1, 2, 2]
    assert iterations(stop, 8, num_workers=workers) == [whole[:stop], whole[stop:]]


def test_a_resumed_run_that_starts_with_the_first_batch(iterations):
    loop = inspect.signature(IterBasedTrainLoop).parameters
    if "fast_forward_on_resume" not in loop:
        pytest.skip("this mmengine has no such option")
    seen = iterations(4, 9, train_cfg=dict(fast_forward_on_resume=True))
    assert seen == [[0, 0, 0, 1], [1, 1, 1, 2, 2]]


ENDLESS = dict(sampler=dict(type="InfiniteSampler"))


@pytest.mark.parametrize(
    "sampler", [ENDLESS, dict(ENDLESS, batch_sampler=dict(type=BatchSampler, drop_last=False))]
)
def test_a_loader_that_never_starts_anew(iterations, monkeypatch, sampler):
    lines = []
    monkeypatch.setattr(MMLogger, "warning", lambda self, text, *args: lines.append(text % args))
    assert iterations(8, **sampler) == [[0] * 8]
    assert any("Shared draws by epoch, and the data loader has no end" in line for line in lines)
