"""What each schedule really does: learning rates step by step, tested epochs, weight decay.

A runner trains one number with each of them, and the rates are compared with formulas written here.
"""

import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch.utils.data import Dataset

from dmmix.engine import DmmixRunner
from dmmix.registry import MODELS

pytestmark = pytest.mark.openmmlab

BASE = Path(__file__).resolve().parents[2] / "configs" / "_base_"
STEPS = 2  # of an epoch
#: Learning rate, batch it is for, epochs, weight decay, epochs between tests.
SGD = {
    "sgd_cosine_100e": (0.1, 20, 100, 1e-4, 5),
    "sgd_cifar_200e": (0.1, 100, 200, 1e-4, 20),
    "sgd_cifar_400e": (0.1, 100, 400, 1e-4, 20),
    "sgd_cifar_800e": (0.1, 100, 800, 1e-4, 20),
    "sgd_wrn_400e": (0.03, 100, 400, 1e-3, 20),
    "sgd_tiny_400e": (0.2, 100, 400, 1e-4, 20),
    "sgd_finetune_200e": (0.001, 16, 200, 5e-4, 20),
    "sgd_imagenet_100e": (0.1, 256, 100, 1e-4, 10),
    "sgd_own_100e": (0.05, 32, 100, 5e-4, 1),
    "sgd_own_finetune_30e": (0.01, 32, 30, 5e-4, 1),
}
#: The same, then where the warm-up starts and the cosine ends.
WARM = {
    "lamb_rsb_a3_100e": (0.008, 2048, 100, 0.02, 10, 0.008 * 1e-4, 1e-6),
    "adamw_deit_300e": (1e-3, 1024, 300, 0.05, 10, 1e-6, 1e-5),
    "adamw_cifar_200e": (1e-3, 100, 200, 0.05, 10, 1e-6, 1e-5),
    "adamw_cifar_600e": (1e-3, 100, 600, 0.05, 10, 1e-6, 1e-5),
}
ALL = {**SGD, **WARM}


class OneNumber(BaseModel):
    def __init__(self):
        super().__init__()
        self.number = torch.nn.Parameter(torch.ones(1, 1))

    def forward(self, inputs, mode):
        return {"loss": (self.number * 1e-3).sum()} if mode == "loss" else [self.number]


class Ones(Dataset):
    metainfo = {}  # noqa: RUF012

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        return {"inputs": torch.ones(1)}


class Nothing(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return {"nothing": 0}


class Watch(Hook):
    """Rates as the optimiser used them, and the epochs after which it was tested."""

    priority = "HIGH"  # before the schedulers

    def __init__(self):
        self.rates, self.tested = [], []

    def after_train_iter(self, runner, *args, **kwargs):
        (group,) = runner.optim_wrapper.param_groups
        self.rates.append(group["lr"])

    def after_val_epoch(self, runner, metrics=None):
        self.tested.append(runner.epoch)


def built(name, model, tmp_path):
    """The schedule, a runner that has it, and what watches the runner."""
    cfg = Config.fromfile(BASE / "schedules" / f"{name}.py")
    loader = dict(
        batch_size=1,
        num_workers=0,
        dataset=Ones(),
        sampler=dict(type="DefaultSampler", shuffle=False),
    )
    watch = Watch()
    runner = DmmixRunner(
        model, str(tmp_path), train_dataloader=loader, val_dataloader=dict(loader),
        train_cfg=dict(cfg.train_cfg), val_cfg=dict(cfg.val_cfg), val_evaluator=[Nothing()],
        optim_wrapper=dict(cfg.optim_wrapper), param_scheduler=cfg.param_scheduler,
        default_hooks=dict(checkpoint=None, logger=None, timer=None, runtime_info=None),
        custom_hooks=[watch], log_level="ERROR", default_scope="dmmix",
    )  # fmt: skip
    return cfg, runner, watch


def test_every_schedule_is_looked_at():
    names = {path.stem for path in (BASE / "schedules").glob("*.py")}
    assert names == {*ALL, "sgd_fixmatch", "sgd_transfer_27k"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_rates_and_tests_of_every_epoch(name, tmp_path):
    rate, batch, epochs, decay, interval, *warm = ALL[name]
    cfg, runner, watch = built(name, OneNumber(), tmp_path)
    runner.train()
    assert runner.max_epochs == epochs
    assert cfg.auto_scale_lr == dict(base_batch_size=batch)

    start, end = warm or (rate, 0.0)
    first = 5 if warm else 0
    expected = []
    for step in range(epochs * STEPS):
        epoch = step // STEPS
        if epoch < first:  # a line from the first to the last step of the warm-up
            expected.append(start + (rate - start) * step / (first * STEPS - 1))
        else:
            turn = math.pi * (epoch - first) / (epochs - first)
            expected.append(end + (rate - end) * (1 + math.cos(turn)) / 2)
    assert watch.rates == pytest.approx(expected, rel=1e-6, abs=1e-9)

    (group,) = runner.optim_wrapper.param_groups
    assert group["weight_decay"] == decay
    if name in SGD:
        assert cfg.optim_wrapper.optimizer.type == "SGD"
        assert (group["momentum"], group["nesterov"]) == (0.9, False)
    # The quickstart's takes a minute and is tested every five epochs to the end.
    last = [95] if name == "sgd_cosine_100e" else list(range(epochs - 9, epochs))
    early = [epoch for epoch in range(interval, epochs - 9, interval) if epoch not in last]
    assert watch.tested == [*early, *last, epochs]


@pytest.mark.slow
def test_a_partial_cosine(tmp_path):
    cfg, runner, watch = built("sgd_fixmatch", OneNumber(), tmp_path)
    runner.train()
    assert cfg.auto_scale_lr == dict(base_batch_size=64)
    steps = 1024 * STEPS
    expected = [0.03 * math.cos(math.pi * 7 / 16 * step / steps) for step in range(steps)]
    assert watch.rates == pytest.approx(expected, rel=1e-9)
    assert watch.tested == list(range(4, 1025, 4))
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer == dict(type="SGD", lr=0.03, momentum=0.9, nesterov=True, weight_decay=5e-4)
    (ema,) = cfg.custom_hooks
    assert 1 - ema.momentum == pytest.approx(0.999)


def test_steps_of_the_transfer_schedule(tmp_path):
    """54 epochs of 500 updates: a tenth after 12, 24, 36 and 48 of them, ten times for the head."""
    model = OneNumber()
    model.head = torch.nn.Linear(1, 1)
    cfg, runner, _ = built("sgd_transfer_27k", model, tmp_path)
    seen = []

    class Rates(Watch):
        def after_train_iter(self, runner, *args, **kwargs):
            seen.append(sorted({group["lr"] for group in runner.optim_wrapper.param_groups}))

    watch = Rates()
    runner._hooks = [hook for hook in runner.hooks if not isinstance(hook, Watch)]  # wants one rate
    runner.register_hook(watch)
    runner.train()
    assert cfg.auto_scale_lr == dict(base_batch_size=24)
    assert len(seen) == 54 * STEPS
    for step, rates in enumerate(seen):
        rate = 0.001 * 0.1 ** (step // STEPS // 12)
        assert rates == pytest.approx([rate, 10 * rate], rel=1e-6)
    assert watch.tested == list(range(6, 55, 6))


@pytest.mark.parametrize(
    ("schedule", "model", "still"),
    [
        ("adamw_deit_300e", "deit_small", {"cls_token", "pos_embed"}),
        ("adamw_cifar_200e", "swin_tiny", {"relative_position_bias_table"}),
        ("adamw_cifar_600e", "convnext_tiny_cifar", {"gamma"}),
        ("lamb_rsb_a3_100e", "resnet50_rsb_a3", set()),
        ("sgd_cifar_800e", "resnet18_cifar", None),
    ],
)
def test_what_decays(schedule, model, still, tmp_path):
    """Of DeiT's and "ResNet strikes back"'s recipes only matrices and kernels; of SGD's all."""
    config = Config.fromfile(BASE / "models" / f"{model}.py").model
    network = MODELS.build({**config, "_scope_": "dmmix"})
    cfg, runner, _ = built(schedule, network, tmp_path)
    wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    names = {id(weight): name for name, weight in network.named_parameters()}
    decayed = {
        names[id(weight)]: group["weight_decay"]
        for group in wrapper.optimizer.param_groups
        for weight in group["params"]
    }
    assert set(decayed) == set(names.values())
    for name, weight in network.named_parameters():
        plain = weight.ndim > 1 and name.split(".")[-1] not in (still or ())
        expected = cfg.optim_wrapper.optimizer.weight_decay if plain or still is None else 0
        assert decayed[name] == expected, name
    if still:
        assert any(name.split(".")[-1] in still for name in decayed)


def test_clipping_and_the_average_of_weights():
    deit = Config.fromfile(BASE / "schedules" / "adamw_deit_300e.py")
    (ema,) = deit.custom_hooks
    assert 1 - ema.momentum == pytest.approx(0.99996)
    assert ema.update_buffers
    assert deit.optim_wrapper.clip_grad == dict(max_norm=1.0)
    for epochs in (200, 600):
        cifar = Config.fromfile(BASE / "schedules" / f"adamw_cifar_{epochs}e.py")
        assert cifar.optim_wrapper == deit.optim_wrapper
        assert "custom_hooks" not in cifar
