"""tools/train.py, tools/test.py and tools/sweep.py, as mmpretrain has them: the same as dmmix."""

import json

import pytest

pytestmark = pytest.mark.openmmlab
DOORS = ("train", "test", "sweep")


@pytest.mark.parametrize("name", DOORS)
def test_the_help_is_that_of_the_verb(start, start_tool, name, tmp_path):
    shown = start_tool(f"{name}.py", "--help", cwd=tmp_path)
    options = start(name, "--help", cwd=tmp_path)
    assert shown.startswith(f"usage: {name}.py [-h]")
    # The usage is broken elsewhere, since the names are not of one length.
    assert shown.partition("positional")[2] == options.partition("positional")[2] != ""


@pytest.mark.parametrize(("name", "kind"), zip(DOORS, ("config", "config", "sweep"), strict=True))
def test_a_mistake_is_one_message(start_tool, name, kind, tmp_path):
    more = ["absent.pth"] if name == "test" else []
    shown = start_tool(f"{name}.py", "absent.py", *more, expect=2, cwd=tmp_path)
    assert shown.strip() == f"error: no {kind} file absent.py"


@pytest.mark.slow
def test_a_config_is_trained_and_tested(start_tool, dm, tmp_path):
    options = ["--cfg-options", "train_cfg.max_epochs=1"]
    start_tool("train.py", dm, *options, cwd=tmp_path)
    checkpoint = tmp_path / "work_dirs" / "digits_cutmix_dm" / "epoch_1.pth"
    assert checkpoint.is_file()
    start_tool("test.py", dm, checkpoint, "--out", "metrics.json", cwd=tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert 0 < metrics["accuracy/top1"] < 100


def test_a_sweep_is_listed(start_tool, root, tmp_path):
    file = root / "configs" / "sweeps" / "quickstart_digits.py"
    listed = start_tool("sweep.py", file, "--list", cwd=tmp_path)
    assert "12 cells: 12 waiting" in listed
    # What trains a cell is the command, whichever way the sweep was started.
    assert listed.count(" -m dmmix train work_dirs/quickstart_digits/") == 12
