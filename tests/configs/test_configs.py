"""Every config can be loaded and built, and the base files go together."""

import warnings
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from dmmix.engine import DmmixRunner, dry_run
from dmmix.functional import MixedLabels
from dmmix.models import MixupLoss
from dmmix.registry import DATASETS, HOOKS, METRICS, MODELS

pytestmark = pytest.mark.openmmlab

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FILES = {str(path.relative_to(CONFIGS)): path for path in sorted(CONFIGS.rglob("*.py"))}
BASES = [name for name in FILES if name.startswith("_base_")]
SWEEPS = [name for name in FILES if name.startswith("sweeps")]
WHOLE = [name for name in FILES if name not in BASES + SWEEPS]
#: Those whose data comes with the package; tests/recipes runs the others on tiny data.
QUICK = [name for name in WHOLE if name.startswith("quickstart")]


VIT = dict(
    type="VisionTransformer",
    arch=dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32),
    img_size=8,
    patch_size=2,
    in_channels=1,
)


#: Objectives besides DM(BCE) that are a sigmoid for each class.
BCE = ("mbce", "two_hot")


def in_base(folder):
    return sorted(path.stem for path in (CONFIGS / "_base_" / folder).glob("*.py"))


def test_there_are_configs():
    assert "quickstart/digits_cutmix_dm.py" in WHOLE
    assert "_base_/default_runtime.py" in BASES


@pytest.mark.parametrize("name", QUICK)
def test_a_config_can_be_built(name):
    cfg = Config.fromfile(FILES[name])
    init_default_scope(cfg.default_scope)
    preprocessor = cfg.model.get("data_preprocessor", cfg.get("data_preprocessor"))
    model = MODELS.build({**cfg.model, "data_preprocessor": preprocessor})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an initialisation that fits no layer warns
        model.init_weights()
    assert isinstance(model.head.loss_module, MixupLoss)
    assert model.head.num_classes == model.data_preprocessor.num_classes
    for part in ("train", "val", "test"):
        dataset = DATASETS.build(cfg[f"{part}_dataloader"].dataset)
        assert len(dataset) > 0
        assert len(dataset.metainfo["classes"]) == model.head.num_classes
        assert set(dataset[0]) >= {"inputs"}
    for hook in (*cfg.default_hooks.values(), *cfg.get("custom_hooks", [])):
        HOOKS.build(hook)
    METRICS.build(cfg.val_evaluator)
    METRICS.build(cfg.test_evaluator)


@pytest.mark.parametrize("name", WHOLE)
def test_the_schedule_lasts_as_long_as_the_training(name):
    cfg = Config.fromfile(FILES[name])
    schedulers = cfg.param_scheduler
    schedulers = schedulers if isinstance(schedulers, list) else [schedulers]
    for scheduler in schedulers:
        if "T_max" in scheduler:
            end = scheduler.get("begin", 0) + scheduler["T_max"]
            assert end == cfg.train_cfg.max_epochs


def combined(tmp_path, mixup, objective):
    path = tmp_path / f"{mixup}_{objective}.py"
    bases = [
        CONFIGS / "quickstart" / "digits_vanilla.py",
        CONFIGS / "_base_" / "mixups" / f"{mixup}.py",
        CONFIGS / "_base_" / "objectives" / f"{objective}.py",
    ]
    path.write_text(
        f"_base_ = {[str(base) for base in bases]}\n"
        "model = dict(mixup={{_base_.mixup}}, head=dict(loss={{_base_.objective}}))\n",
        encoding="utf-8",
    )
    cfg = Config.fromfile(path)
    if mixup in ("transmix", "mixup_transmix"):  # looks at the attention of a class token
        cfg.model.backbone, cfg.model.neck = VIT, None
        cfg.model.head.update(type="DMVisionTransformerClsHead", in_channels=16)
    cfg.work_dir = str(tmp_path / "work")
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    return cfg


#: Those with a decoupled term, which alone look at which classes are mixed. (Pairs of the paper's
#: mixes and objectives are all trained by tests/recipes/test_cells.py.)
MAIN = ("dm_ce", "dm_bce")


@pytest.mark.parametrize(
    ("mixup", "objective"),
    [
        (m, o)
        for m in in_base("mixups")
        for o in in_base("objectives")
        if o in MAIN or m in ("none", "cutmix")
    ],
)
def test_every_mixup_goes_with_every_objective(tmp_path, mixup, objective):
    cfg = combined(tmp_path, mixup, objective)
    runner = DmmixRunner.from_cfg(cfg)
    seen = []
    loss = runner.model.head.loss
    runner.model.head.loss = lambda feats, labels, **options: (
        seen.append(labels) or loss(feats, labels, **options)
    )
    before = [weight.clone() for weight in runner.model.parameters()]
    outputs = dry_run(runner, steps=1)
    after = list(runner.model.parameters())
    assert all(weight.isfinite().all() for weight in after)
    assert not all(map(torch.equal, before, after))
    assert 0 < outputs["loss"] < 10
    assert ("loss_decoupled" in outputs) == objective.startswith("dm_ce")
    assert ("loss_bce" in outputs) == (objective.startswith("dm_bce") or objective in BCE)
    (labels,) = seen
    assert isinstance(labels, MixedLabels) == (mixup != "none")
    if mixup == "none" and objective.startswith("dm_ce"):
        assert outputs["loss_decoupled"] == 0
