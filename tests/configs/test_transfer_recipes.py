"""The transfer recipes have the numbers that they state: those of the paper's table."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn

pytestmark = pytest.mark.openmmlab

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
#: Network and classes.
STATED = {
    "cub200/self_tuning": (50, 200),
    "cub200/self_tuning_dm": (50, 200),
    "cub200/self_tuning_resnet18": (18, 200),
    "fgvc_aircraft/self_tuning": (50, 100),
    "fgvc_aircraft/self_tuning_dm": (50, 100),
    "stanford_cars/self_tuning": (50, 196),
    "stanford_cars/self_tuning_dm": (50, 196),
}


def load(name):
    return Config.fromfile(CONFIGS / "transfer" / f"{name}.py")


def test_every_recipe_is_looked_at():
    folder = CONFIGS / "transfer"
    found = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.py")}
    assert found == set(STATED)


@pytest.mark.parametrize("name", STATED)
def test_numbers(name):
    depth, classes = STATED[name]
    cfg = load(name)
    loader = cfg.train_dataloader
    assert loader.batch_size == cfg.auto_scale_lr.base_batch_size == 24
    assert loader.dataset.subset == dict(label_fraction=0.15, seed=0)
    assert loader.dataset.unlabelled == "rest"
    assert loader.dataset.views == 2
    assert loader.dataset.dataset.size == 224
    assert cfg.train_cfg.max_epochs * loader.batch_sampler.batches == 27_000
    steps = [epoch * loader.batch_sampler.batches for epoch in cfg.param_scheduler.milestones]
    assert steps == [6_000, 12_000, 18_000, 24_000]
    assert cfg.param_scheduler.gamma == 0.1
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer == dict(type="SGD", lr=0.001, momentum=0.9, weight_decay=5e-4)
    assert cfg.model.type == "SelfTuning"
    assert cfg.model.backbone.depth == depth
    assert cfg.model.backbone.init_cfg.type == "Pretrained"
    assert f"resnet{depth}_" in cfg.model.backbone.init_cfg.checkpoint
    assert cfg.model.head.num_classes == cfg.data_preprocessor.num_classes == classes
    assert ("stream_mix" in cfg.model) == name.endswith("_dm")
    assert cfg.test_dataloader.dataset.ten_crop
    assert not cfg.val_dataloader.dataset.get("ten_crop")
    weak = [transform.type for transform in cfg.data_preprocessor.weak_transforms]
    strong = [transform.type for transform in cfg.data_preprocessor.strong_transforms]
    assert weak == ["BatchRandomFlip"]
    assert strong == ["BatchRandomFlip", "BatchRandAugment"]


def test_only_the_new_head_learns_ten_times_as_fast():
    """Not the old head of Co-Tuning, not the projector of Self-Tuning."""
    parts = ("backbone", "head", "source_head", "projector")
    model = nn.ModuleDict({name: nn.Linear(2, 2) for name in parts})
    cfg = load(next(iter(STATED)))
    optim = build_optim_wrapper(model, dict(cfg.optim_wrapper, type="OptimWrapper"))
    rates = {id(group["params"][0]): group["lr"] for group in optim.optimizer.param_groups}
    found = {name: rates[id(model[name].weight)] for name in parts}
    base = cfg.optim_wrapper.optimizer.lr
    expected = dict.fromkeys(parts, base) | {"head": 10 * base}
    assert found == pytest.approx(expected)
