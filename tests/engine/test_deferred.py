"""Losses and times that are read where they are logged: the same records, and no waiting."""

import uuid

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub
from torch.utils._python_dispatch import TorchDispatchMode

from dmmix.engine.deferred import DeferredScalars
from dmmix.engine.faults import step_watch
from dmmix.engine.hooks import deferred_info_hook
from tests.engine import small

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


class Reads(TorchDispatchMode):
    """Counts what reads a value from the device; a list of many values counts as one read."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func.overloadpacket.__name__ == "_local_scalar_dense"
        return func(*args, **(kwargs or {}))


def test_histories_are_those_of_mmengine(tmp_path):
    ours = runner(tmp_path / "ours")
    ours.train()
    found = histories(ours)
    timed = {k: len(v.data[0]) for k, v in ours.message_hub.log_scalars.items() if "time" in k}
    stock = runner(tmp_path / "stock", deferred=False)
    stock.train()
    assert found == histories(stock)
    assert set(found) == {
        "train/lr", "train/loss", "train/loss_a", "train/loss_b", "train/hits"
    }  # fmt: skip
    assert len(found["train/loss"]) == 14
    assert timed == {"train/time": 14, "train/data_time": 14}


def test_logged_lines_are_those_of_mmengine(tmp_path):
    lines = {}
    for deferred in (True, False):
        run = runner(tmp_path / str(deferred), deferred)
        run.train()
        lines[deferred] = [
            [word for word in line.split("  ") if "time" not in word and "eta" not in word]
            for line in (raw.split("INFO - ")[-1] for raw in small.log_of(run).splitlines())
            if line.startswith("Epoch(train)")
        ]
    assert lines[True] == lines[False]
    assert len(lines[True]) == 4  # iterations 3 and 6 of both epochs


def test_nothing_is_read_between_two_logs(tmp_path, monkeypatch):
    monkeypatch.setattr(step_watch, "reads_at_once", lambda device: False)  # as on a GPU
    counts = {}
    for deferred in (True, False):
        run = runner(tmp_path / str(deferred), deferred, interval=100)
        with Reads() as reads:
            run.train()
        counts[deferred] = reads.count
    assert counts[True] == 2  # the data loader's seed, on the CPU, once an epoch
    assert counts[False] >= 14 * 4


def test_a_list_of_values_is_one_read(monkeypatch):
    reads = []
    tolist = torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda t: reads.append(t.shape) or tolist(t))
    scalars = DeferredScalars()
    for k in range(5):
        scalars.add("loss", torch.tensor(float(k), requires_grad=True) * 1)
        scalars.add("hits", torch.tensor([k]))
        scalars.add("lr", k)
    hub = MessageHub.get_instance(uuid.uuid4().hex)
    scalars.flush(hub)
    assert sorted(reads) == [(5,), (5,)]  # floats and integers
    for name in ("loss", "hits", "lr"):
        assert hub.get_scalar(name).data[0].tolist() == [0, 1, 2, 3, 4]


def test_values_do_not_hold_the_graph():
    scalars = DeferredScalars()
    weight = torch.ones(1, requires_grad=True)
    scalars.add("loss", (weight * 2).sum())
    assert not scalars._values["loss"][0].requires_grad


def test_half_precision_and_float64_are_exact():
    scalars = DeferredScalars()
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        scalars.add(str(dtype), torch.tensor(0.1, dtype=dtype))
    hub = MessageHub.get_instance(uuid.uuid4().hex)
    scalars.flush(hub)
    for dtype in (torch.bfloat16, torch.float16, torch.float64):
        expected = float(torch.tensor(0.1, dtype=dtype))
        assert hub.get_scalar(str(dtype)).current() == expected


def test_flush_appends_to_what_is_there():
    hub = MessageHub.get_instance(uuid.uuid4().hex)
    hub.update_scalar("loss", 5.0, count=2)
    scalars = DeferredScalars()
    scalars.add("loss", 6.0)
    scalars.add("loss", 7.0)
    scalars.flush(hub)
    values, counts = hub.get_scalar("loss").data
    np.testing.assert_array_equal(values, [5, 6, 7])
    np.testing.assert_array_equal(counts, [2, 1, 1])
    scalars.flush(hub)  # nothing new
    assert len(hub.get_scalar("loss").data[0]) == 3


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


def test_resumed_histories_are_those_of_a_whole_run(tmp_path):
    whole = runner(tmp_path, epochs=3)
    whole.train()
    expected = histories(whole)
    for name in ("epoch_2.pth", "epoch_3.pth", "last_checkpoint"):  # as if killed before them
        (tmp_path / name).unlink()
    resumed = runner(tmp_path, epochs=3, resume=True)
    resumed.train()
    assert histories(resumed) == expected


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


def test_norm_of_clipped_gradients_is_logged(tmp_path):
    found = {}
    for deferred in (True, False):
        wrapper = {
            "type": "StepOptimWrapper" if deferred else "mmengine.OptimWrapper",
            "optimizer": {"type": "SGD", "lr": 0.1},
            "clip_grad": {"max_norm": 0.01},
        }
        run = runner(tmp_path / str(deferred), deferred, optim_wrapper=wrapper)
        run.train()
        found[deferred] = histories(run)
    assert len(found[True]["train/grad_norm"]) == 14
    assert found[True] == found[False]
