"""The semi-supervised recipes have the numbers that they state: those of the paper's table."""

from pathlib import Path

import pytest
from mmengine.config import Config

pytestmark = pytest.mark.openmmlab

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
#: Labels in all, labelled and unlabelled images of a step, updates, weight decay, network.
STATED = {
    "cifar10/fixmatch": (250, 64, 448, 2**20, 5e-4, dict(depth=28, widen_factor=2)),
    "cifar10/fixmatch_dm": (250, 64, 448, 2**20, 5e-4, dict(depth=28, widen_factor=2)),
    "cifar100/fixmatch": (400, 64, 448, 2**20, 1e-3, dict(depth=28, widen_factor=8)),
    "cifar100/fixmatch_dm": (400, 64, 448, 2**20, 1e-3, dict(depth=28, widen_factor=8)),
    "fashion_mnist/fixmatch": (40, 16, 112, 3000, 5e-4, dict(depth=18)),
    "quickstart/digits_fixmatch": (10, 10, 70, 1200, 5e-4, dict(depth=18)),
    "quickstart/digits_fixmatch_40": (40, 10, 70, 1200, 5e-4, dict(depth=18)),
    "quickstart/digits_fixmatch_dm": (10, 10, 70, 1200, 5e-4, dict(depth=18)),
    "quickstart/digits_supervised": (10, 10, 70, 1200, 5e-4, dict(depth=18)),
}


def load(name):
    return Config.fromfile(CONFIGS / "semi" / f"{name}.py")


def test_every_recipe_is_looked_at():
    folder = CONFIGS / "semi"
    found = {str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.py")}
    assert found == set(STATED)


@pytest.mark.parametrize("name", STATED)
def test_numbers(name):
    labels, labelled, unlabelled, updates, decay, network = STATED[name]
    cfg = load(name)
    loader = cfg.train_dataloader
    assert loader.dataset.type == "SemiDataset"
    assert loader.dataset.subset == dict(num_labels=labels, seed=0)
    assert loader.batch_size == labelled
    assert loader.batch_size * loader.batch_sampler.mu == unlabelled
    epochs = cfg.train_cfg.max_epochs
    assert epochs * loader.batch_sampler.batches == updates
    assert cfg.param_scheduler.T_max == epochs
    assert epochs % cfg.train_cfg.val_interval == 0  # the last weights are tested
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer == dict(type="SGD", lr=0.03, momentum=0.9, nesterov=True, weight_decay=decay)
    for key, value in network.items():
        assert cfg.model.backbone[key] == value
    assert cfg.model.get("threshold", 0.95) == 0.95
    if "cifar" in name:
        assert cfg.default_hooks.checkpoint.save_best == "accuracy/top1"
        (ema,) = cfg.custom_hooks
        assert ema.momentum == 1e-3
    assert ("stream_mix" in cfg.model) == name.endswith("_dm")
    views = cfg.data_preprocessor
    assert views.type == "SemiDataPreprocessor"
    weak = [transform.type for transform in views.weak_transforms]
    strong = [transform.type for transform in views.strong_transforms]
    assert strong == [*weak, "BatchRandAugment", "BatchCutout"]
    assert ("BatchRandomFlip" in weak) == ("digits" not in name)  # a mirrored 2 is none
    folder = name.split("/")[0]
    base = {"quickstart": "digits", "fashion_mnist": "fashion_mnist_npz"}.get(folder, folder)
    plain = Config.fromfile(CONFIGS / "_base_" / "datasets" / f"{base}.py").data_preprocessor
    assert (views.mean, views.std) == (plain.mean, plain.std)
    assert [t.type for t in plain.batch_transforms] == weak
