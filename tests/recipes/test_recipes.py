"""Every recipe trains one step and tests one batch on tiny data in the layout of the real one."""

import math

import pytest
import torch
from mmengine.config import Config

from dmmix.engine import dry_run
from dmmix.functional import MixedLabels
from dmmix.registry import MODELS
from tests.recipes.covering import axes, covering, pairs
from tests.recipes.shrinking import CONFIGS, load, recipes, runner_of, shrink

pytestmark = [pytest.mark.openmmlab]

RECIPES = recipes()
COVERING = covering(RECIPES)
OBJECTIVES = sorted(path.stem for path in (CONFIGS / "_base_" / "objectives").glob("*.py"))
MODEL_BASES = sorted(path.stem for path in (CONFIGS / "_base_" / "models").glob("*.py"))


def test_there_are_recipes():
    assert len(RECIPES) >= 40
    assert "cifar100/resnet18" in RECIPES
    assert not any(name.startswith(("_base_", "quickstart", "sweeps")) for name in RECIPES)


def test_what_is_always_run_covers_all_pairs():
    seen = set().union(*(pairs(axes(name)) for name in COVERING))
    assert seen == set().union(*(pairs(axes(name)) for name in RECIPES))
    assert len(COVERING) < len(RECIPES)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.recipes(always=n in COVERING)) for n in RECIPES],
)
def test_one_step(name, tiny_data, tmp_path, monkeypatch, request):
    """With ``-m recipes`` in full depth, else the large networks are shallow."""
    monkeypatch.chdir(tiny_data)
    full = "recipes" in request.config.getoption("markexpr", "")
    cfg = shrink(load(name), tmp_path, shallow=not full)
    runner = runner_of(cfg)
    before = [weight.clone() for weight in runner.model.parameters()]
    outputs = dry_run(runner, steps=1)
    after = list(runner.model.parameters())
    assert math.isfinite(outputs["loss"])
    assert all(weight.isfinite().all() for weight in after)
    assert not all(map(torch.equal, before, after))
    objective = cfg.model.head.loss.type
    assert ("loss_decoupled" in outputs) == (objective == "DecoupledMixupLoss")
    assert ("loss_bce" in outputs) == (objective == "DecoupledMixupBCELoss")
    assert runner.model.head.num_classes == runner.model.data_preprocessor.num_classes
    hidden = runner.model.head.layers.head if "deit" in name else runner.model.head.fc
    assert hidden.out_features == cfg.num_classes


@pytest.mark.parametrize("model", [m for m in MODEL_BASES if m != "resnet_digits"])
def test_every_backbone_goes_with_every_objective(model):
    """One forward pass of mixed images, and the loss of each objective with its gradient."""
    config = Config.fromfile(CONFIGS / "_base_" / "models" / f"{model}.py").model
    torch.manual_seed(0)
    classifier = MODELS.build({**config, "_scope_": "dmmix"})
    side = 32 if "cifar" in model or "wrn" in model else 224
    side = 64 if model.startswith(("resn", "convnext")) and side == 224 else side
    with torch.no_grad():
        feats = classifier.extract_feat(torch.randn(2, 3, side, side))
    classes = torch.tensor([[3, 1], [0, 2]])
    labels = MixedLabels(classes, torch.tensor([[0.3, 0.7], [0.6, 0.4]]))
    weight = classifier.head.layers.head.weight if model == "deit_small" else (
        classifier.head.fc.weight
    )  # fmt: skip
    for objective in OBJECTIVES:
        loss = Config.fromfile(CONFIGS / "_base_" / "objectives" / f"{objective}.py").objective
        classifier.head.loss_module = MODELS.build({**loss, "_scope_": "dmmix"})
        losses = classifier.head.loss(feats, labels)
        total = sum(value for name, value in losses.items() if "loss" in name)
        classifier.zero_grad()
        total.backward()
        assert total.isfinite()
        assert weight.grad.abs().sum() > 0
        assert ("loss_decoupled" in losses) == objective.startswith("dm_ce")


def test_pretrained_weights_are_taken(tiny_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tiny_data)
    cfg = shrink(load("cub200/resnet18"), tmp_path)
    runner = runner_of(cfg)
    runner._init_model_weights()
    weights = list(runner.model.backbone.parameters())
    assert all((weight == 0.125).all() for weight in weights)
    assert runner.model.head.fc.weight.std().item() == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize(("percent", "images"), [(15, 1), (30, 2), (50, 4)])
def test_few_labels(percent, images, tiny_data, tmp_path, monkeypatch):
    """Seven images a class: 15 % are one of them, 30 % two, half of them four."""
    monkeypatch.chdir(tiny_data)
    cfg = shrink(load(f"cifar100/resnet18_labels{percent}"), tmp_path)
    dataset = runner_of(cfg).build_dataloader(cfg.train_dataloader).dataset
    counts = torch.as_tensor(dataset.get_gt_labels()).bincount(minlength=100)
    assert (counts == images).all()
