"""What looks for NaN in each step does not wait for the device."""

import pytest
import torch
from mmengine.hooks import Hook
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode

from dmmix.engine.faults import step_watch
from tests.engine.faults import runs
from tests.mixups.waits import Waits

pytestmark = pytest.mark.openmmlab


class Between(Hook):
    """Enters before all other hooks of the second batch of an epoch, and leaves after them: the
    last one is logged."""

    def __init__(self, event, call):
        self.priority = "HIGHEST" if event == "before_train_iter" else "LOWEST"
        self.call = call
        setattr(self, event, self.at_the_second)

    def at_the_second(self, runner, batch_idx, data_batch=None, outputs=None):
        if batch_idx == runs.BATCHES - 2:
            self.call()


@pytest.mark.parametrize("clip_grad", [None, {"max_norm": 1.0}])
def test_a_step_reads_nothing(tmp_path, monkeypatch, clip_grad):
    monkeypatch.setattr(step_watch, "reads_at_once", lambda device: False)  # as on a GPU
    optim = {"optimizer": {"type": "SGD", "lr": 0.1}, "clip_grad": clip_grad}
    step = {"fused_optimizer": True, "channels_last": True}
    built = runs.run(tmp_path, None, step, optim_wrapper=optim)
    waits, reads, times = Waits(), [], []

    def counted(name, function):
        def count(tensor, *args, **kwargs):
            if isinstance(_get_current_dispatch_mode(), Waits):
                reads.append(name)
            return function(tensor, *args, **kwargs)

        return count

    for name in ("tolist", "item", "cpu", "numpy"):
        monkeypatch.setattr(torch.Tensor, name, counted(name, getattr(torch.Tensor, name)))
    built.register_hook(Between("before_train_iter", waits.__enter__))
    built.register_hook(
        Between("after_train_iter", lambda: times.append(waits.__exit__(None, None, None)))
    )
    built.train()
    assert len(times) == 3
    assert waits.found == reads == []


def test_the_test_notices_a_read():
    with Waits() as waits:
        bool(torch.ones(()).isnan())
    assert waits.found
    assert issubclass(Waits, TorchDispatchMode)
