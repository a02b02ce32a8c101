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

from dmmix.engine import seed_worker
from dmmix.engine.random_states import capture, restore, seed_afresh
from dmmix.registry import FUNCTIONS
from tests.engine.small import differing, in_two_processes, log_of
from tests.engine.test_resuming import EPOCHS, Killed, runner, state

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
    first = train(tmp_path / "parts", loader=loader, kill=("after_train_iter", done + 1))
    draw()  # a new process would start from other states altogether
    second = train(tmp_path / "parts", loader=loader, resume=True)
    (best,) = (tmp_path / "whole").glob("best_*.pth")
    saved = torch.load(best, weights_only=True)["random_states"]
    assert len(saved["ranks"]) == saved["world_size"] == 1
    assert len(set(map(str, seen(whole)))) == len(seen(whole)) == EPOCHS * LENGTH
    assert seen(first) == seen(whole)[: done + 1]
    assert seen(second) == seen(whole)[done:]
    assert differing(state(second), state(whole)) == []


def test_validation_and_other_hooks_change_nothing_for_training(tmp_path):
    disturbed = train(tmp_path / "a", disturb=(False,))
    assert seen(disturbed) == seen(train(tmp_path / "b", disturb=(), validate=False))


def changed(path, change):
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)
    return str(path)


def test_a_checkpoint_without_states_warns_and_goes_on(tmp_path):
    train(tmp_path, kill=("after_train_iter", LENGTH + 1))
    changed(tmp_path / "epoch_1.pth", lambda content: content.pop("random_states"))
    made = train(tmp_path, resume=True)
    assert made.epoch == EPOCHS
    assert "holds no random states" in log_of(made)


def test_loading_weights_restores_nothing(tmp_path):
    train(tmp_path / "a", kill=("after_train_iter", LENGTH + 1))
    made = train(tmp_path / "b", load_from=str(tmp_path / "a" / "epoch_1.pth"))
    assert "random states" not in log_of(made)
    assert seen(made) == seen(train(tmp_path / "c"))


def test_another_world_size_is_seeded_afresh_and_deterministically(tmp_path):
    train(tmp_path, kill=("after_train_iter", LENGTH + 1))

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


def test_capture_and_restore():
    random.gauss(0, 1)  # Python and NumPy keep every second Gaussian for later: states too
    np.random.randn()
    buffer = io.BytesIO()
    torch.save(capture(), buffer)
    numbers = [draw() for _ in range(3)]
    buffer.seek(0)
    restore(torch.load(buffer, weights_only=True))  # plain data
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
    assert get_rank() == rank
    os.environ["RANK"] = str(rank)
    settings = dict(validate=False, randomness=dict(seed=3, diff_rank_seed=True))
    whole = seen(train(f"{folder}/whole", **settings))
    # Two batches an epoch and rank.
    train(f"{folder}/parts", kill=("after_train_iter", 3), **settings)
    torch.distributed.barrier()
    second = seen(train(f"{folder}/parts", resume=True, **settings))
    return {"whole": whole, "second": second}


@pytest.mark.slow
def test_two_processes(tmp_path):
    ranks = in_two_processes(two_ranks, tmp_path)
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


def test_seeds_are_told_apart(monkeypatch):
    """Those of a worker follow torch and the rank."""

    def worker(seed, rank):
        monkeypatch.setenv("RANK", str(rank))
        torch.manual_seed(seed)
        seed_worker(0)
        return draw()

    def afresh(*entropy):
        seed_afresh(*entropy)
        return draw()

    states = capture()
    try:
        for seeded, first, others in (
            (worker, (1, 0), [(2, 0), (1, 1)]),
            (afresh, (0, 1, 0), [(0, 1, 1), (0, 2, 0), (1, 1, 0)]),
        ):
            assert seeded(*first) == seeded(*first)
            drawn = [number for each in (first, *others) for number in seeded(*each)]
            assert len(set(drawn)) == len(drawn)
    finally:
        restore(states)
