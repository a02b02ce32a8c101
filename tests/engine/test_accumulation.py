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
@pytest.mark.parametrize(
    ("small", "large", "updates"),
    [
        ([2] * 12, [8] * 3, 6),
        # Ten batches in groups of four: 4, 4, 2 in each epoch, and none goes into the next.
        ([2] * 8 + [4, 4], [8] * 3, 6),
    ],
)
def test_small_batches_do_what_a_large_one_does(small, large, updates, clip_grad):
    def run(sizes, **options):
        clipped = {} if clip_grad is None else {"clip_grad": dict(clip_grad)}
        return trained(sizes, epochs=2, epoch_length=len(sizes), **options, **clipped)

    (whole, often), (parts, fewer) = run(large), run(small, counts=4)
    assert often == fewer == updates
    assert_close(parts, whole, rtol=1e-12, atol=1e-14)
    # Without epochs it is as mmengine has it: in groups, whatever the epochs.
    assert trained(small, counts=4, epochs=2)[1] == len(small) * 2 // 4


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


@pytest.mark.parametrize(
    ("counts", "loop", "updates", "epoch"),
    [
        (1, {"by_epoch": True, "max_epochs": 2}, 6, LENGTH),
        (2, {"by_epoch": True, "max_epochs": 2}, 4, LENGTH),
        (2, {"by_epoch": False, "max_iters": 4}, 2, None),
    ],
)
def test_the_runner_tells_how_long_an_epoch_is(tmp_path, monkeypatch, counts, loop, updates, epoch):
    optim = dict(optimizer=dict(type="SGD", lr=0.1), accumulative_counts=counts)
    run = runner(tmp_path, None, optim_wrapper=optim, train_cfg=loop)
    made, step = [], StepOptimWrapper.step
    monkeypatch.setattr(StepOptimWrapper, "step", lambda s: made.append(1) or step(s))
    run.train()
    assert (len(made), run.optim_wrapper.epoch_length) == (updates, epoch)


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
