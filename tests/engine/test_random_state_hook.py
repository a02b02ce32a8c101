"""RandomStateHook and seed_worker: a resumed run draws what the uninterrupted one draws."""

import contextlib
import io
import os
import random
import uuid

import numpy as np
import pytest
import torch
from mmengine.dist import get_rank
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from mmengine.runner import Runner
from torch import nn

from dmmix.engine import DmmixRunner, RandomStateHook, leave_processes, seed_worker
from dmmix.engine.random_states import capture, restore, seed_afresh
from dmmix.registry import FUNCTIONS, HOOKS
from tests.engine.small import Stop, StopAt, log_of
from tests.machine import FASTEST_START

pytestmark = pytest.mark.openmmlab


def draw():
    return [
        random.random(),
        random.gauss(0, 1),
        float(np.random.rand()),
        float(np.random.randn()),
        float(torch.rand(())),
    ]


class Toy(BaseModel):
    """Keeps what it draws, and what the data drew, as (epoch, numbers)."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 1)
        self.drawn = []

    def forward(self, inputs, mode="tensor"):
        inputs = torch.stack(inputs)
        if mode == "predict":
            draw()  # validation may draw as it likes
            return [None]
        self.drawn.append((inputs.tolist(), draw()))
        return {"loss": self.fc(inputs).square().mean()}


class Draws(torch.utils.data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {"inputs": torch.tensor(draw())}


class Draw(Evaluator):
    """An evaluator that draws, too."""

    def __init__(self):
        super().__init__([])

    def process(self, data_samples, data_batch=None):
        pass

    def evaluate(self, size):
        return {"accuracy": random.random()}


class Disturb(Hook):
    """Draws wherever a hook may draw; in the resumed run these draws are missing or others."""

    def __init__(self, start=True):
        self.start = start

    def before_train(self, runner):
        if self.start:
            draw()

    def after_train_epoch(self, runner):
        draw()

    after_val = after_train_epoch


def toy_runner(work_dir, workers=0, hooks=(), by_epoch=True, states=True, val=True, **settings):
    loader = {
        "dataset": Draws(),
        "batch_size": 2,
        "num_workers": workers,
        "sampler": {"type": "DefaultSampler" if by_epoch else "InfiniteSampler", "shuffle": True},
        "worker_init_fn": {"type": "seed_worker"},
    }
    train = (
        {"by_epoch": True, "max_epochs": 3, "val_interval": 1}
        if by_epoch
        else {"by_epoch": False, "max_iters": 6, "val_interval": 2}
    )
    settings.setdefault("randomness", {"seed": 3})
    # DmmixRunner brings the hook along; mmengine's own runner does not save states.
    runner_type = DmmixRunner if states else Runner
    return runner_type(
        Toy(),
        str(work_dir),
        train_dataloader=loader,
        train_cfg=train,
        optim_wrapper={"optimizer": {"type": "SGD", "lr": 0.1}},
        param_scheduler={"type": "ConstantLR"},
        val_dataloader={**loader, "sampler": {"type": "DefaultSampler"}} if val else None,
        val_cfg={} if val else None,
        val_evaluator=Draw() if val else None,
        default_hooks={
            "checkpoint": {
                "type": "CheckpointHook",
                "interval": 1 if by_epoch else 2,
                "by_epoch": by_epoch,
                "save_best": "accuracy" if val else None,
                "rule": "greater" if val else None,
            }
        },
        custom_hooks=list(hooks),
        experiment_name=uuid.uuid4().hex,
        **settings,
    )


def train(work_dir, stop_at=None, **settings):
    hooks = [Disturb()]
    if stop_at is not None:
        hooks.append(StopAt(stop_at))
    runner = toy_runner(work_dir, hooks=hooks, **settings)
    with contextlib.suppress(Stop):
        runner.train()
    return runner


def drawn(runner):
    return runner.model.drawn


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("epochs_done", [1, 2])
def test_a_resumed_run_draws_the_same_numbers(tmp_path, workers, epochs_done):
    whole = drawn(train(tmp_path / "whole", workers=workers))
    first = drawn(train(tmp_path / "parts", workers=workers, stop_at=2 * epochs_done))
    draw()  # a new process would start from other states altogether
    second = drawn(train(tmp_path / "parts", workers=workers, resume=True))
    assert len(whole) == 6
    assert first == whole[: 2 * epochs_done]
    assert second == whole[2 * epochs_done :]


def test_validation_and_other_hooks_change_nothing_for_training(tmp_path):
    disturbed = toy_runner(tmp_path / "a", hooks=[Disturb(start=False)])
    disturbed.train()
    quiet = toy_runner(tmp_path / "b", val=False)
    quiet.train()
    assert drawn(disturbed) == drawn(quiet)


def test_every_epoch_draws_other_numbers(tmp_path):
    numbers = [str(batch) for batch in drawn(train(tmp_path, workers=1))]
    assert len(set(numbers)) == len(numbers) == 6


@pytest.mark.parametrize("stop_at", [2, 4])
def test_in_an_iteration_based_loop_the_model_draws_the_same_numbers(tmp_path, stop_at):
    whole = [model for _, model in drawn(train(tmp_path / "whole", by_epoch=False))]
    train(tmp_path / "parts", by_epoch=False, stop_at=stop_at)
    second = [model for _, model in drawn(train(tmp_path / "parts", by_epoch=False, resume=True))]
    assert second == whole[stop_at:][: len(second)]
    assert len(second) == 6 - stop_at


def test_the_best_checkpoint_holds_the_states_too(tmp_path):
    train(tmp_path)
    (best,) = tmp_path.glob("best_*.pth")
    saved = torch.load(best, weights_only=False)
    assert len(saved["random_states"]["ranks"]) == saved["random_states"]["world_size"] == 1


def test_the_states_are_plain_data():
    buffer = io.BytesIO()
    torch.save(capture(), buffer)
    buffer.seek(0)
    restore(torch.load(buffer, weights_only=True))


def test_it_is_registered():
    assert HOOKS.get("RandomStateHook") is RandomStateHook


def test_capture_and_restore():
    random.gauss(0, 1)  # Python and NumPy keep every second Gaussian for later: states too
    np.random.randn()
    states = capture()
    numbers = [draw() for _ in range(3)]
    restore(states)
    assert [draw() for _ in range(3)] == numbers


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_capture_and_restore_on_a_gpu():
    torch.rand((), device="cuda")
    states = capture()
    states["torch"] = states["torch"].cuda()  # as a checkpoint loaded to the GPU has it
    numbers = torch.rand(4, device="cuda")
    restore(states)
    assert torch.equal(torch.rand(4, device="cuda"), numbers)


def test_a_checkpoint_without_states_warns_and_goes_on(tmp_path):
    train(tmp_path, stop_at=2, states=False)
    runner = train(tmp_path, resume=True)
    assert runner.epoch == 3
    assert "holds no random states" in log_of(runner)


def test_loading_weights_restores_nothing(tmp_path):
    train(tmp_path / "a", stop_at=2)
    path = str(tmp_path / "a" / "epoch_1.pth")
    runner = train(tmp_path / "b", load_from=path)
    assert "random states" not in log_of(runner)
    assert drawn(runner) == drawn(train(tmp_path / "c"))


def test_another_world_size_is_seeded_afresh_and_deterministically(tmp_path):
    train(tmp_path, stop_at=2)
    path = tmp_path / "epoch_1.pth"
    content = torch.load(path, weights_only=False)
    content["random_states"]["world_size"] = 2
    content["random_states"]["ranks"] *= 2
    torch.save(content, path)
    runs = []
    for name in ("a", "b"):
        runner = toy_runner(tmp_path / name, load_from=str(path), resume=True)
        runner.train()
        assert "saved by 2 processes and is resumed by 1" in log_of(runner)
        runs.append(drawn(runner))
    assert runs[0] == runs[1]


# Several processes


def two_ranks(rank, folder):
    """One of two processes: train an epoch, stop, resume; keep what was drawn."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2
    )
    assert get_rank() == rank
    os.environ["RANK"] = str(rank)
    randomness = {"seed": 3, "diff_rank_seed": True}
    settings = {"val": False, "randomness": randomness}
    whole = drawn(train(f"{folder}/whole", **settings))
    # One batch an epoch and rank.
    train(f"{folder}/parts", stop_at=1, **settings)
    torch.distributed.barrier()
    second = drawn(train(f"{folder}/parts", resume=True, **settings))
    torch.save({"whole": whole, "second": second}, f"{folder}/rank{rank}.pt")
    leave_processes()


@pytest.mark.slow
def test_two_processes(tmp_path):
    torch.multiprocessing.start_processes(
        two_ranks, args=(str(tmp_path),), nprocs=2, start_method=FASTEST_START
    )
    ranks = [torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1)]
    saved = torch.load(tmp_path / "parts" / "epoch_1.pth", weights_only=False)["random_states"]
    assert saved["world_size"] == 2
    assert not torch.equal(saved["ranks"][0]["torch"], saved["ranks"][1]["torch"])
    for rank in ranks:
        assert rank["second"] == rank["whole"][1:]
    assert ranks[0]["whole"] != ranks[1]["whole"]


# Seeds of the workers


def test_seed_worker_is_found_by_both_names():
    assert MMENGINE_FUNCTIONS.get("seed_worker") is seed_worker
    assert MMENGINE_FUNCTIONS.get("dmmix.seed_worker") is seed_worker
    assert FUNCTIONS.get("seed_worker") is seed_worker


def test_seed_worker_follows_torch_and_the_rank(monkeypatch):
    def seeded(seed, rank):
        monkeypatch.setenv("RANK", str(rank))
        torch.manual_seed(seed)
        seed_worker(0)
        return draw()

    states = capture()
    try:
        assert seeded(1, 0) == seeded(1, 0)
        assert not set(seeded(1, 0)) & set(seeded(2, 0))
        assert not set(seeded(1, 0)) & set(seeded(1, 1))
    finally:
        restore(states)


def test_seed_afresh_tells_its_numbers_apart():
    states = capture()
    try:
        numbers = []
        for entropy in [(0, 1, 0), (0, 1, 1), (0, 2, 0), (1, 1, 0), (0, 1, 0)]:
            seed_afresh(*entropy)
            numbers.append(draw())
        assert numbers[0] == numbers[-1]
        assert len({str(drawn) for drawn in numbers}) == 4
    finally:
        restore(states)
