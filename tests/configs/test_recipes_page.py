"""The page on recipes names what is there, and what it tells to do works."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from dmmix.configuration.reading import read_config
from dmmix.engine import DmmixRunner, dry_run
from tests.configs.test_stated_recipes import CONFIGS, STATED, STATED_DM
from tests.models.test_initialisation import OTHERS, RESIDUAL, WIDE

pytestmark = pytest.mark.openmmlab

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(
    r"^\$ ((?:dmmix train|python tools/train.py) .*?)$(?!\n    )",
    PAGE.replace("\\\n", ""),
    re.MULTILINE,
)


def test_every_recipe_objective_and_model_is_on_it():
    named = set(re.findall(r"`(\w+/\w+)`", PAGE))
    assert {name for name in named if not name.startswith("_base_")} == set(STATED)
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert named >= {*RESIDUAL, *WIDE, *OTHERS} - {"resnet_digits"}


@pytest.mark.parametrize("name", STATED_DM)
def test_experiments_are_as_the_table_says(name):
    (row,) = re.findall(rf"^\| `{name}` \| (.*?) \| (.*?) \|", PAGE, re.MULTILINE)
    mix, objective = row
    cfg = Config.fromfile(CONFIGS / f"{name}.py")
    mixup, loss = cfg.model.mixup, cfg.model.head.loss
    names = [each.type for each in mixup.mixups] if "mixups" in mixup else [mixup.type]
    assert mix == " or ".join(names)
    if loss.type == "DecoupledMixupBCELoss":
        assert objective == "DM(BCE)"
    else:
        assert objective == f"DM(CE), eta {f'{loss.eta:g}'.lstrip('0')}"


def test_there_are_commands():
    assert len(COMMANDS) == 6


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_name_what_is_there(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    words = shlex.split(command, comments=True)[2:]
    options = words[words.index("--cfg-options") + 1 :] if "--cfg-options" in words else []
    pairs = [tuple(option.split("=", 1)) for option in options]
    cfg = read_config(words[0], pairs)  # raises where there is no such file
    for key, value in pairs:
        here = cfg
        for part in key.split("."):
            here = here[part]
        assert str(here).replace(" ", "") == value or float(here) == float(value)


def test_data_of_ones_own(tmp_path, monkeypatch):
    """The two files of the page, beside the base files that they name."""
    experiment, birds, recipe = BLOCKS
    assert "mixup={{_base_.mixup}}" in experiment
    (tmp_path / "configs" / "birds").mkdir(parents=True)
    base = tmp_path / "configs" / "_base_"
    for path in (CONFIGS / "_base_").rglob("*.py"):
        (base / path.relative_to(CONFIGS / "_base_")).parent.mkdir(parents=True, exist_ok=True)
        (base / path.relative_to(CONFIGS / "_base_")).write_text(
            path.read_text(encoding="utf-8"), encoding="utf-8"
        )
    (base / "datasets" / "birds.py").write_text(birds, encoding="utf-8")
    (tmp_path / "configs" / "birds" / "resnet18.py").write_text(recipe, encoding="utf-8")
    (tmp_path / "data").mkdir()
    rng, labels = np.random.default_rng(0), np.arange(24) % 12
    images = rng.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8)
    np.savez(
        tmp_path / "data" / "birds.npz",
        x_train=images, y_train=labels, x_test=images, y_test=labels,
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile("configs/birds/resnet18.py")
    cfg.work_dir, cfg.train_dataloader.batch_size = str(tmp_path / "work"), 4
    runner = DmmixRunner.from_cfg(cfg)
    assert dry_run(runner, steps=1)["loss"] > 0
    assert runner.model.head.fc.out_features == 12
