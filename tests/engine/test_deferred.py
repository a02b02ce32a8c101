"""Losses and times that are read where they are logged: the same records, and no waiting."""

import uuid

import pytest
import torch
from mmengine.logging import MessageHub

from dmmix.engine.deferred import DeferredScalars
from dmmix.engine.faults import step_watch
from dmmix.engine.hooks import deferred_info_hook
from tests.engine import small
from tests.mixups.waits import Waits

pytestmark = pytest.mark.openmmlab


class Net(small.Net):
    def forward(self, inputs, mode="tensor"):
        loss = super().forward(inputs)["loss"]
        return {"loss_a": loss, "loss_b": 2 * loss, "hits": (loss > 0.1).float()}


def runner(work_dir, deferred=True, interval=3, default_hooks=None, **settings):
    hooks = {
        "runtime_info": {"type": "DeferredInfoHook" if deferred else "RuntimeInfoHook"},
        "timer": {"type": "DeferredTimerHook" if deferred else "IterTimerHook"},
        "logger": {"type": "LoggerHook", "interval": interval},
        **(default_hooks or {}),
    }
    return small.toy_runner(
        work_dir,
        Net(),
        small.Numbers(14),
        hooks=hooks,
        param_scheduler={"type": "ExponentialLR", "gamma": 0.5},
        default_scope="dmmix",
        **settings,
    )


def histories(run):
    return {
        name: buffer.data[0].tolist()
        for name, buffer in run.message_hub.log_scalars.items()
        if "time" not in name
    }


def lines_of(run):
    """What is logged of training, without times, and the norm that has another place there."""
    left_out = ("time", "eta", "grad_norm")
    lines = (line.split("INFO - ")[-1] for line in small.log_of(run).splitlines())
    return [
        [word for word in line.split("  ") if not any(name in word for name in left_out)]
        for line in lines
        if line.startswith("Epoch(train)")
    ]


def test_histories_and_logged_lines_are_those_of_mmengine(tmp_path):
    found = []
    for kind in ("StepOptimWrapper", "mmengine.OptimWrapper"):
        sgd = {"type": "SGD", "lr": 0.1}
        wrapper = {"type": kind, "optimizer": sgd, "clip_grad": {"max_norm": 0.01}}
        run = runner(tmp_path / kind, kind == "StepOptimWrapper", optim_wrapper=wrapper)
        run.train()
        scalars = run.message_hub.log_scalars
        times = {name: len(each.data[0]) for name, each in scalars.items() if "time" in name}
        found.append((histories(run), lines_of(run), times))
    assert found[0] == found[1]
    values, lines, times = found[0]
    names = ("lr", "loss", "loss_a", "loss_b", "hits", "grad_norm")
    assert {name: len(each) for name, each in values.items()} == {f"train/{n}": 14 for n in names}
    assert times == {"train/time": 14, "train/data_time": 14}
    assert len(lines) == 4  # iterations 3 and 6 of both epochs


def test_nothing_is_read_between_two_logs(tmp_path, monkeypatch):
    monkeypatch.setattr(step_watch, "reads_at_once", lambda device: False)  # as on a GPU
    counts = {}
    for deferred in (True, False):
        run = runner(tmp_path / str(deferred), deferred, interval=100)
        with Waits() as waits:
            run.train()
        counts[deferred] = waits.found.count("_local_scalar_dense")
    assert counts[True] == 2  # the data loader's seed, on the CPU, once an epoch
    assert counts[False] >= 14 * 4


def test_what_was_collected_is_appended(monkeypatch):
    """In the precision that it has, with one read for each kind of tensors, and no graph."""
    reads, tolist = [], torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda t: reads.append(t.shape) or tolist(t))
    hub, scalars = MessageHub.get_instance(uuid.uuid4().hex), DeferredScalars()
    hub.update_scalar("lr", 5.0, count=2)
    weight = torch.ones(1, requires_grad=True)
    for k in range(5):
        scalars.add("loss", (weight * k).sum())
        scalars.add("hits", torch.tensor([k]))
        scalars.add("lr", k)
    assert not scalars._values["loss"][0].requires_grad
    dtypes = (torch.bfloat16, torch.float16, torch.float64)
    for dtype in dtypes:
        scalars.add(str(dtype), torch.tensor(0.1, dtype=dtype))
    for _ in range(2):  # the second time there is nothing new
        scalars.flush(hub)
        assert sorted(reads) == [(1,), (1,), (1,), (5,), (5,)]
        for name, old in (("loss", []), ("hits", []), ("lr", [5])):
            values, counts = hub.get_scalar(name).data
            assert values.tolist() == [*old, 0, 1, 2, 3, 4]
            assert counts.tolist() == [2] * len(old) + [1] * 5
        for dtype in dtypes:
            assert hub.get_scalar(str(dtype)).current() == float(torch.tensor(0.1, dtype=dtype))


def test_no_logger_does_not_collect_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("dmmix.engine.deferred._LIMIT", 6)
    run = runner(tmp_path, default_hooks={"logger": None, "checkpoint": None})
    seen = []
    flush = DeferredScalars.flush
    monkeypatch.setattr(
        DeferredScalars, "flush", lambda self, hub: seen.append(self._count) or flush(self, hub)
    )
    run.train()
    assert max(seen) <= 10
    assert len(histories(run)["train/loss"]) == 14


@pytest.mark.parametrize("by_epoch", [True, False])
def test_checkpoint_holds_all_up_to_it(tmp_path, by_epoch):
    settings = {"interval": 100}
    if not by_epoch:
        settings["train_cfg"] = {"by_epoch": False, "max_iters": 5}
        settings["default_hooks"] = {
            "checkpoint": {"type": "CheckpointHook", "interval": 2, "by_epoch": False}
        }
    run = runner(tmp_path, **settings)
    run.train()
    name, count = ("epoch_1.pth", 7) if by_epoch else ("iter_4.pth", 4)
    saved = torch.load(tmp_path / name, weights_only=True)["message_hub"]
    assert len(saved["log_scalars"]["train/loss"]["log_history"]) == count
    assert len(saved["log_scalars"]["train/time"]["log_history"]) == count


def test_time_left_is_told(tmp_path, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(deferred_info_hook.time, "time", lambda: next(clock))
    run = runner(tmp_path, epochs=1, interval=7)
    eta = []
    run.message_hub.update_info = lambda key, value, *_, **__: (
        eta.append(value) if key == "eta" else type(run.message_hub).update_info(
            run.message_hub, key, value
        )
    )  # fmt: skip
    run.train()
    assert eta[-1] == 0  # nothing is left after the last iteration
    assert run.message_hub.get_scalar("train/time").data[0].min() >= 1
