"""The learning-rate range test on a parabola, which explodes at a rate that is known."""

import math

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch.utils.data import Dataset

from dmmix.engine import DmmixRunner
from dmmix.engine.lr_range import RateRange, lr_range_test

pytestmark = pytest.mark.openmmlab

CURVATURE = 10.0  # gradient descent grows from a rate of 2 / CURVATURE on


class Parabola(BaseModel):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Parameter(torch.ones(1, 1))
        self.head = torch.nn.Parameter(torch.ones(1, 1))

    def forward(self, inputs, mode):
        return {"loss": 1.0 + CURVATURE / 2 * (self.body**2 + 1e-3 * self.head**2).sum()}


class Ones(Dataset):
    metainfo = {}  # noqa: RUF012

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return {"inputs": torch.ones(1)}


class Watch(Hook):
    priority = "HIGH"  # before the rates of the next update are set

    def __init__(self):
        self.rates = []

    def after_train_iter(self, runner, *args, **kwargs):
        groups = runner.optim_wrapper.optimizer.param_groups
        self.rates.append([group["lr"] for group in groups])


def runner_of(folder, watch, lr=0.5, accumulative_counts=1, length=1000):
    loader = dict(
        batch_size=1,
        num_workers=0,
        dataset=Ones(),
        sampler=dict(type="DefaultSampler", shuffle=False),
    )
    return DmmixRunner(
        Parabola(), str(folder), train_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=length), custom_hooks=[watch],
        optim_wrapper=dict(
            type="StepOptimWrapper", accumulative_counts=accumulative_counts,
            optimizer=dict(type="SGD", lr=lr),
            paramwise_cfg=dict(custom_keys={"head": dict(lr_mult=10)}),
        ),
        log_level="ERROR", default_scope="dmmix",
    )  # fmt: skip


@pytest.mark.parametrize("batches", [1, 2])
def test_rates_grow_by_a_factor(tmp_path, batches):
    watch = Watch()
    seen = lr_range_test(runner_of(tmp_path, watch, accumulative_counts=batches), 1e-4, 1e-2, 30)
    assert seen.rates == pytest.approx([1e-4 * 100 ** (k / 29) for k in range(30)])
    used = watch.rates[::batches]
    assert [body for body, _ in used] == pytest.approx(seen.rates)
    assert [head for _, head in used] == pytest.approx([10 * rate for rate in seen.rates])
    assert len(watch.rates) == 30 * batches
    assert not seen.exploded
    files = [path for path in tmp_path.rglob("*") if path.suffix in (".pth", ".py")]
    assert not files
    assert not (tmp_path / "last_checkpoint").exists()


def test_the_suggestion_lies_below_the_explosion(tmp_path):
    seen = lr_range_test(runner_of(tmp_path, Watch()), 1e-5, 1e3, 200)
    assert seen.exploded
    assert seen.rates[-1] > 2 / CURVATURE
    assert 1e-3 < seen.suggestion < 2 / CURVATURE
    assert seen.suggestion == seen.rates[seen.best] / 10


def test_the_smoothed_loss():
    seen = RateRange()
    losses = [3.0, 1.0, 2.0]
    for k, loss in enumerate(losses):
        seen.add(10.0**k, loss)
        weights = [0.9 ** (k - i) for i in range(k + 1)]
        mean = sum(w * each for w, each in zip(weights, losses, strict=False)) / sum(weights)
        assert seen.smoothed[-1] == pytest.approx(mean)
    seen.add(1e3, math.nan)
    assert seen.exploded
    assert len(seen.rates) == 3


def test_a_loss_that_never_falls():
    seen = RateRange()
    for k in range(30):
        seen.add(1e-5 * 1.1**k, 1.0 + k / 100)
    assert seen.suggestion is None


def test_a_rate_of_0_cannot_grow(tmp_path):
    with pytest.raises(ValueError, match="lr must be above 0 to grow by a factor, got 0"):
        lr_range_test(runner_of(tmp_path, Watch(), lr=0.0))
