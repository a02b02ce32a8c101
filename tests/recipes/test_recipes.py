"""Every recipe trains one step and tests one batch on tiny data in the layout of the real one."""

import ast
import math

import pytest
import torch

from dmmix.engine import dry_run
from tests.recipes.cells import covering
from tests.recipes.shrinking import CONFIGS, load, recipes, runner_of, shrink

pytestmark = [pytest.mark.openmmlab]

AXES = (
    ("datasets", "models"),
    ("datasets", "schedules"),
    ("models", "objectives"),
    ("mixups", "objectives"),
)


def axes(name):
    """What a recipe is made of: by folder of ``_base_``, the file that it takes from there.

    Read off the text, so that tests can be collected where a base file is missing.
    """
    parts = {"mixups": "none", "objectives": "mce"}
    todo = [CONFIGS / f"{name}.py"]
    while todo:
        path = todo.pop()
        for base in _bases(path):
            found = (path.parent / base).resolve()
            if "_base_" not in found.parts:
                todo.append(found)
            elif found.parent.name != "_base_":
                folder, *rest = found.relative_to(CONFIGS / "_base_").with_suffix("").parts
                parts[folder] = "/".join(rest)
    return parts


def _bases(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_base_":
            bases = ast.literal_eval(node.value)
            return [bases] if isinstance(bases, str) else bases
    return []


def pairs(parts):
    return {(a, parts[a], b, parts[b]) for a, b in AXES}


RECIPES = recipes()
PAIRS = {name: pairs(axes(name)) for name in RECIPES}
COVERING = covering(PAIRS)


def test_there_are_recipes():
    assert len(RECIPES) >= 40
    assert "cifar100/resnet18" in RECIPES
    assert not any(name.startswith(("_base_", "quickstart", "sweeps")) for name in RECIPES)


def test_what_is_always_run_covers_all_pairs():
    seen = set().union(*(PAIRS[name] for name in COVERING))
    assert seen == set().union(*PAIRS.values())
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
