"""dry_run: a few steps of everything."""

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


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"model.head.loss.loss_weight": -math.inf}, FloatingPointError, "1 of .*mixup = -inf"),
        ({"model.head.loss.loss_weight": math.inf}, FloatingPointError, "1 of .*mixup = inf"),
        # A rate that leaves the first loss as it is.
        ({"optim_wrapper.optimizer.lr": 1e30}, FloatingPointError, "[23] of .*lower learning rate"),
        ({"model.backbone.in_channels": 3}, RuntimeError, "channels"),
        (
            {"model.head.num_classes": 5, "data_preprocessor.num_classes": 5},
            ValueError,
            r"has 10 classes, but model.head.num_classes=5: take mod",
        ),
        ({"val_dataloader.dataset.dataset.split": "val"}, ValueError, "split must be"),
    ],
)
def test_what_goes_wrong(runner, tmp_path, options, error, says):
    with pytest.raises(error, match=says):
        dry_run(runner(options))
    assert list(tmp_path.glob("**/*.pth")) == []  # no dump either


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


def test_it_trains_three_steps_and_returns_what_it_would_log(runner, tmp_path):
    runner, count, seen = runner(), Count(), []
    runner.register_hook(count)
    step = runner.model.val_step
    runner.model.val_step = lambda batch: seen.append(len(batch["inputs"])) or step(batch)
    outputs = dry_run(runner)
    assert seen == [450]  # one batch is predicted
    assert not runner.model.training
    assert count.steps == outputs.steps == 3
    assert count.validated == 0
    assert not torch.equal(runner.model.head.fc.weight, count.before)
    names = {"loss", "loss_mixup", "loss_decoupled", "mixed_top1", "mixed_top2"}
    assert set(outputs) == names
    assert outputs["loss"] == pytest.approx(outputs["loss_mixup"] + outputs["loss_decoupled"])
    assert 1 < outputs["loss_mixup"] < 10
    assert list(tmp_path.glob("**/*.pth")) == []


def test_fewer_steps_where_validation_comes_before_or_the_epoch_is_shorter(runner):
    short = runner({"train_dataloader.batch_size": 50}, validate=False)
    assert len(short.train_loop.dataloader) == dry_run(short).steps == 2
    early = runner({"train_cfg": {"_delete_": True, "by_epoch": False, "max_iters": 9,
                                  "val_interval": 2}})  # fmt: skip
    count = Count()
    early.register_hook(count)
    assert dry_run(early).steps == count.steps == 2
    assert count.validated == 0


def test_predictions_that_are_not_finite(runner):
    bad = runner()
    step = bad.model.val_step

    def val_step(batch):
        found = step(batch)
        found.scores[7] = math.nan
        return found

    bad.model.val_step = val_step
    with pytest.raises(FloatingPointError, match=r"1 of 450 images .* that of image 7"):
        dry_run(bad)
