"""What looks for NaN in each step does not wait for the device."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dmmix.engine.faults import step_watch
from tests.engine.faults import runs
from tests.mixups.waits import Waits

pytestmark = pytest.mark.openmmlab


class Between(runs.Spoil):
    """Counts reads of values between the first iteration and the last."""

    priority = "HIGHEST"

    def __init__(self, monkeypatch):
        self.waits, self.lists = Waits(), []
        for name in ("tolist", "item", "cpu", "numpy"):
            function = getattr(torch.Tensor, name)
            monkeypatch.setattr(torch.Tensor, name, self.counted(name, function))

    def counted(self, name, function):
        def count(tensor, *args, **kwargs):
            if isinstance(torch.utils._python_dispatch._get_current_dispatch_mode(), Waits):
                self.lists.append(name)
            return function(tensor, *args, **kwargs)

        return count

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == 1:
            self.waits.__enter__()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        # The last batch of an epoch is logged.
        if batch_idx == runs.BATCHES - 2:
            self.last = True


class Leave(runs.Spoil):
    """After all other hooks, before the last batch of the epoch, which is logged."""

    priority = "LOWEST"

    def __init__(self, between):
        self.between = between

    before_train_iter = runs.Hook.before_train_iter

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx == runs.BATCHES - 2:
            self.between.waits.__exit__(None, None, None)


@pytest.mark.parametrize("clip_grad", [None, {"max_norm": 1.0}])
def test_a_step_reads_nothing(tmp_path, monkeypatch, clip_grad):
    monkeypatch.setattr(step_watch, "reads_at_once", lambda device: False)  # as on a GPU
    optim = {"optimizer": {"type": "SGD", "lr": 0.1}, "clip_grad": clip_grad}
    step = {"fused_optimizer": True, "channels_last": True}
    built = runs.run(tmp_path, None, step, optim_wrapper=optim)
    between = Between(monkeypatch)
    built.register_hook(between)
    built.register_hook(Leave(between))
    built.train()
    assert between.last
    assert between.waits.found == []
    assert between.lists == []


def test_the_test_notices_a_read():
    with Waits() as waits:
        bool(torch.ones(()).isnan())
    assert waits.found
    assert issubclass(Waits, TorchDispatchMode)
