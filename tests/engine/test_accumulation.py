"""accumulative_counts: several batches, one update of the weights."""

from contextlib import contextmanager

import pytest
import torch
from torch.testing import assert_close

from dmmix.engine import StepOptimWrapper
from tests.engine.small import runner

pytestmark = pytest.mark.openmmlab

X = torch.randn(24, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
Y = torch.arange(24) % 3


def trained(sizes, counts=1, epochs=1, epoch_length=None, momentum=0.9, **options):
    """Weights after batches of these sizes, and how often they were updated."""
    torch.manual_seed(1)
    net = torch.nn.Linear(5, 3).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5, momentum=momentum)
    updates = []
    step = optimizer.step
    optimizer.step = lambda *args, **kwargs: updates.append(1) or step(*args, **kwargs)
    wrapper = StepOptimWrapper(optimizer, accumulative_counts=counts, **options)
    wrapper.epoch_length = epoch_length
    wrapper.initialize_count_status(net, 0, epochs * len(sizes))
    for _ in range(epochs):
        for x, y in zip(X.split(sizes), Y.split(sizes), strict=True):
            with wrapper.optim_context(net):
                loss = torch.nn.functional.cross_entropy(net(x), y)
            wrapper.update_params(loss)
    return net.weight.detach(), len(updates)


@pytest.mark.parametrize("clip_grad", [None, {"max_norm": 0.01}])
def test_small_batches_do_what_a_large_one_does(clip_grad):
    options = {} if clip_grad is None else {"clip_grad": dict(clip_grad)}
    large, updates = trained([8] * 3, epoch_length=3, **options)
    options = {} if clip_grad is None else {"clip_grad": dict(clip_grad)}
    small, fewer = trained([2] * 12, counts=4, epoch_length=12, **options)
    assert updates == fewer == 3
    assert_close(small, large, rtol=1e-12, atol=1e-14)


def test_the_last_group_of_an_epoch_has_what_is_left():
    """Ten batches in groups of four: 4, 4, 2 in each epoch, and none goes into the next."""
    large, updates = trained([8, 8, 8], epochs=2, epoch_length=3)
    small, fewer = trained([2] * 4 + [2] * 4 + [4, 4], counts=4, epochs=2, epoch_length=10)
    assert updates == fewer == 6
    assert_close(small, large, rtol=1e-12, atol=1e-14)


def test_without_epochs_it_is_as_mmengine_has_it():
    _, updates = trained([2] * 8 + [4, 4], counts=4, epochs=2)
    assert updates == 5  # 20 batches, whatever the epochs


def test_processes_wait_for_each_other_where_weights_are_updated():
    weight = torch.nn.Parameter(torch.zeros(1))
    wrapper = StepOptimWrapper(torch.optim.SGD([weight], lr=0.1), accumulative_counts=4)
    wrapper.epoch_length = 10
    wrapper.initialize_count_status(torch.nn.Linear(1, 1), 0, 20)
    synced, updated = [], []
    for _ in range(20):
        synced.append(wrapper.should_sync())
        wrapper.backward((weight * 1).sum())
        updated.append(wrapper.should_update())
    assert synced == updated
    assert [k for k, u in enumerate(updated, start=1) if u] == [4, 8, 10, 14, 18, 20]


@pytest.mark.parametrize("counts", [0, -1, 2.5, "2", True])
def test_bad_counts(counts):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    with pytest.raises(ValueError, match="accumulative_counts must be an int of at least 1"):
        StepOptimWrapper(optimizer, accumulative_counts=counts)


LENGTH = 3  # batches of the runner's epoch


def test_the_runner_tells_how_long_an_epoch_is(tmp_path):
    def weights(work_dir, counts, **settings):
        optim = dict(optimizer=dict(type="SGD", lr=0.1), accumulative_counts=counts)
        run = runner(work_dir, None, optim_wrapper=optim, **settings)
        updates = []
        step = StepOptimWrapper.step
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(StepOptimWrapper, "step", lambda s: updates.append(1) or step(s))
            run.train()
        assert run.optim_wrapper.epoch_length == LENGTH
        return len(updates)

    loop = {"train_cfg": {"by_epoch": True, "max_epochs": 2}}
    assert weights(tmp_path / "a", 1, **loop) == 6
    assert weights(tmp_path / "b", 2, **loop) == 4


def test_no_warning_where_a_resumed_run_has_lost_nothing():
    weight = torch.nn.Parameter(torch.zeros(1))
    wrapper = StepOptimWrapper(torch.optim.SGD([weight], lr=0.1), accumulative_counts=4)
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "mmengine.optim.optimizer.optimizer_wrapper.print_log",
            lambda text, *args, **kwargs: said.append(text),
        )
        wrapper.epoch_length = 10
        wrapper.initialize_count_status(torch.nn.Linear(1, 1), 10, 20)
        assert said == []
        wrapper.initialize_count_status(torch.nn.BatchNorm1d(1), 10, 20)
        assert "BatchNorm" in said[0]


def test_an_iteration_based_loop_has_no_epochs(tmp_path):
    optim = dict(optimizer=dict(type="SGD", lr=0.1), accumulative_counts=2)
    loop = {"by_epoch": False, "max_iters": 4}
    run = runner(tmp_path, None, optim_wrapper=optim, train_cfg=loop)
    run.train()
    assert run.optim_wrapper.epoch_length is None


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_resumed_run_has_lost_nothing(tmp_path, precision):
    """Three batches in groups of two, so that each epoch ends with an incomplete group."""

    def state(work_dir, epochs, resume=False):
        run = runner(
            work_dir,
            {"precision": precision, "fused_optimizer": True},
            optim_wrapper={
                "optimizer": {"type": "SGD", "lr": 0.05, "momentum": 0.9},
                "accumulative_counts": 2,
                "clip_grad": {"max_norm": 1.0},
            },
            train_cfg={"by_epoch": True, "max_epochs": epochs},
            default_hooks={"checkpoint": {"type": "CheckpointHook", "interval": 1}},
            param_scheduler={"type": "CosineAnnealingLR", "T_max": 4, "end": 4, "by_epoch": True},
            resume=resume,
        )
        run.train()
        return run

    whole = state(tmp_path / "whole", 4)
    state(tmp_path / "parts", 2)
    parts = state(tmp_path / "parts", 4, resume=True)
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, parts.model.state_dict()[name]), name
    assert whole.optim_wrapper.inner_count == parts.optim_wrapper.inner_count == 4 * LENGTH
    ours, theirs = (run.optim_wrapper.state_dict() for run in (whole, parts))
    assert ours.get("loss_scaler") == theirs.get("loss_scaler")
    assert ("loss_scaler" in ours) is (precision == "fp16")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("counts", [1, 2])
def test_gradients_wait_for_the_last_batch_of_a_group(precision, counts):
    waits = []

    class Wrapped(torch.nn.Linear):
        @contextmanager
        def no_sync(self):
            waits.append(wrapper._inner_count)
            yield

    net = Wrapped(5, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    wrapper = StepOptimWrapper(optimizer, accumulative_counts=counts, precision=precision)
    wrapper.initialize_count_status(net, 0, 4)
    for _ in range(4):
        with wrapper.optim_context(net):
            loss = net(X.float()).sum()
        wrapper.update_params(loss)
    assert waits == ([] if counts == 1 else [0, 2])
