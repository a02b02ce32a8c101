"""RandomStateHook and seed_worker: a resumed run draws what the uninterrupted one draws.

All else that a resumed run is stands in test_resuming.py, whose runs these are.
"""

import contextlib
import io
import os
import random

import numpy as np
import pytest
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS

from dmmix.engine import RandomStateHook, leave_processes, seed_worker
from dmmix.engine.random_states import capture, restore, seed_afresh
from dmmix.registry import FUNCTIONS, HOOKS
from tests.engine.small import differing, log_of
from tests.engine.test_resuming import EPOCHS, Killed, runner, state
from tests.machine import FASTEST_START

pytestmark = pytest.mark.openmmlab
LENGTH = 4  # batches of an epoch


def draw():
    return [
        random.random(),
        random.gauss(0, 1),
        float(np.random.rand()),
        float(np.random.randn()),
        float(torch.rand(())),
    ]


class Disturb(Hook):
    """Draws wherever a hook may draw; in the resumed run these draws are missing or others."""

    def __init__(self, start):
        self.start = start

    def before_train(self, runner):
        if self.start:
            draw()

    def after_train_epoch(self, runner):
        draw()

    after_val = after_train_epoch


def train(folder, disturb=(True,), **settings):
    made = runner(folder, **settings)
    for start in disturb:
        made.register_hook(Disturb(start))
    with contextlib.suppress(Killed):
        made.train()
    return made


def seen(made):
    return list(zip(made.model.seen, made.model.drawn, strict=True))


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("epochs_done", [1, 2])
def test_a_resumed_run_draws_the_same_numbers(tmp_path, workers, epochs_done):
    loader, done = dict(num_workers=workers), epochs_done * LENGTH
    whole = train(tmp_path / "whole", loader=loader)
    first = train(tmp_path / "parts", loader=loader, kill=("after_iter", done + 1))
    draw()  # a new process would start from other states altogether
    second = train(tmp_path / "parts", loader=loader, resume=True)
    assert len(seen(whole)) == EPOCHS * LENGTH
    assert seen(first) == seen(whole)[: done + 1]
    assert seen(second) == seen(whole)[done:]
    assert differing(state(second), state(whole)) == []


def test_validation_and_other_hooks_change_nothing_for_training(tmp_path):
    disturbed = train(tmp_path / "a", disturb=(False,))
    assert seen(disturbed) == seen(train(tmp_path / "b", disturb=(), validate=False))


def test_every_epoch_draws_other_numbers(tmp_path):
    made = train(tmp_path, loader=dict(num_workers=1))
    for batches in (made.model.seen, made.model.drawn):
        assert len(set(map(str, batches))) == len(batches) == EPOCHS * LENGTH


def changed(path, change):
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)
    return str(path)


def test_the_best_checkpoint_holds_the_states_too(tmp_path):
    train(tmp_path)
    (best,) = tmp_path.glob("best_*.pth")
    saved = torch.load(best, weights_only=True)["random_states"]
    assert len(saved["ranks"]) == saved["world_size"] == 1


def test_a_checkpoint_without_states_warns_and_goes_on(tmp_path):
    train(tmp_path, kill=("after_iter", LENGTH + 1))
    changed(tmp_path / "epoch_1.pth", lambda content: content.pop("random_states"))
    made = train(tmp_path, resume=True)
    assert made.epoch == EPOCHS
    assert "holds no random states" in log_of(made)


def test_loading_weights_restores_nothing(tmp_path):
    train(tmp_path / "a", kill=("after_iter", LENGTH + 1))
    made = train(tmp_path / "b", load_from=str(tmp_path / "a" / "epoch_1.pth"))
    assert "random states" not in log_of(made)
    assert seen(made) == seen(train(tmp_path / "c"))


def test_another_world_size_is_seeded_afresh_and_deterministically(tmp_path):
    train(tmp_path, kill=("after_iter", LENGTH + 1))

    def by_two(content):
        content["random_states"]["world_size"] = 2
        content["random_states"]["ranks"] *= 2

    path = changed(tmp_path / "epoch_1.pth", by_two)
    runs = []
    for name in ("a", "b"):
        made = train(tmp_path / name, load_from=path, resume=True)
        assert "saved by 2 processes and is resumed by 1" in log_of(made)
        runs.append(seen(made))
        draw()
    assert runs[0] == runs[1]


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


# Several processes


def two_ranks(rank, folder):
    """One of two processes: train an epoch, stop, resume; keep what was drawn."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2
    )
    assert get_rank() == rank
    os.environ["RANK"] = str(rank)
    settings = dict(validate=False, randomness=dict(seed=3, diff_rank_seed=True))
    whole = seen(train(f"{folder}/whole", **settings))
    # Two batches an epoch and rank.
    train(f"{folder}/parts", kill=("after_iter", 3), **settings)
    torch.distributed.barrier()
    second = seen(train(f"{folder}/parts", resume=True, **settings))
    torch.save({"whole": whole, "second": second}, f"{folder}/rank{rank}.pt")
    leave_processes()


@pytest.mark.slow
def test_two_processes(tmp_path):
    torch.multiprocessing.start_processes(
        two_ranks, args=(str(tmp_path),), nprocs=2, start_method=FASTEST_START
    )
    ranks = [torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1)]
    saved = torch.load(tmp_path / "parts" / "epoch_1.pth", weights_only=True)["random_states"]
    assert saved["world_size"] == 2
    assert not torch.equal(saved["ranks"][0]["torch"], saved["ranks"][1]["torch"])
    for rank in ranks:
        assert rank["second"] == rank["whole"][2:]
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
