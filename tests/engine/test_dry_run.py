"""dry_run: one step of everything."""

import math

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook

from dmmix.engine import DmmixRunner, dry_run

pytestmark = pytest.mark.openmmlab


class Count(Hook):
    def __init__(self):
        self.steps = self.validated = 0
        self.before = None

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.before = runner.model.head.fc.weight.detach().clone()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.steps += 1

    def after_val_iter(self, *args, **kwargs):
        self.validated += 1


@pytest.fixture
def runner(root, tmp_path):
    """``runner(key=value, ...)``: of the quickstart's config with these options."""

    def build(options=None, validate=True):
        cfg = Config.fromfile(root / "configs" / "quickstart" / "digits_cutmix_dm.py")
        cfg.merge_from_dict(options or {})
        cfg.default_hooks.checkpoint.update(interval=1, by_epoch=False)
        if not validate:
            cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        cfg.work_dir = str(tmp_path)
        return DmmixRunner.from_cfg(cfg)

    return build


def test_it_trains_one_step_and_returns_what_it_would_log(runner, tmp_path):
    runner, count = runner(), Count()
    runner.register_hook(count)
    outputs = dry_run(runner)
    assert count.steps == 1
    assert count.validated == 0
    assert not torch.equal(runner.model.head.fc.weight, count.before)
    names = {"loss", "loss_mixup", "loss_decoupled", "mixed_top1", "mixed_top2"}
    assert set(outputs) == names
    assert outputs["loss"] == pytest.approx(outputs["loss_mixup"] + outputs["loss_decoupled"])
    assert 1 < outputs["loss_mixup"] < 10
    assert list(tmp_path.glob("**/*.pth")) == []


def test_without_validation(runner):
    assert dry_run(runner(validate=False))["loss"] > 0


@pytest.mark.parametrize("weight", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_an_error(runner, weight):
    bad = runner({"model.head.loss.loss_weight": weight})
    with pytest.raises(FloatingPointError, match=f"the loss of the first step is {weight}"):
        dry_run(bad)


def test_one_validation_batch_is_predicted(runner):
    good = runner()
    seen = []
    step = good.model.val_step
    good.model.val_step = lambda batch: seen.append(len(batch["inputs"])) or step(batch)
    dry_run(good)
    assert seen == [450]
    assert not good.model.training


def test_an_error_in_training_is_passed_on(runner):
    with pytest.raises(RuntimeError, match="channels"):
        dry_run(runner({"model.backbone.in_channels": 3}))


def test_another_number_of_classes_was_found_by_the_loss(runner):
    options = {"model.head.num_classes": 5, "data_preprocessor.num_classes": 5}
    with pytest.raises(ValueError, match=r"has 10 classes, but model.head.num_classes=5: take mod"):
        dry_run(runner(options))


def test_an_error_in_validation_is_found(runner):
    bad = runner({"val_dataloader.dataset.dataset.split": "val"})
    with pytest.raises(ValueError, match="split must be"):
        dry_run(bad)
