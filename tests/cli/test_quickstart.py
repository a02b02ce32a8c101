"""dmmix quickstart: three short runs, a table, two pictures, and what it says when one fails."""

import json
import shutil
import sys

import pytest
from matplotlib.image import imread

from dmmix.cli import quickstart
from dmmix.experiments.grid.cell import Cell

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def start_here(call, monkeypatch, tool_environment):
    """Calls it with some options; the runs that it starts find this repository."""
    monkeypatch.setenv("PYTHONPATH", tool_environment["PYTHONPATH"])
    return lambda *options: call("quickstart", *options)


@pytest.mark.slow
@pytest.mark.openmmlab
def test_two_epochs_of_each_method(start_here, tmp_path):
    out = tmp_path / "größer 100 %"
    done = start_here("--epochs", 2, "--seeds", 1, "--out", out)
    assert done.status == 0, done.err

    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    names = ["digits_vanilla", "digits_cutmix_mce", "digits_cutmix_dm"]
    configs = dict(zip(results, names, strict=True))
    table = done.out
    for method, config in configs.items():
        (log,) = (out / f"{config}-s0-2ep").glob("*/vis_data/scalars.json")
        last = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
        assert last["step"] == 2
        assert results[method] == [
            {"clean top-1": last["accuracy/top1"], "mixed top-2": last["mixed/top2"]}
        ]
        (row,) = [line for line in table.splitlines() if line.startswith("│ " + method + " ")]
        assert f"{last['accuracy/top1']:.1f}" in row
        assert f"{last['mixed/top2']:.1f}" in row
    for name in ("gallery.png", "curves.png"):
        assert str(out / name) in table
        assert (out / name).read_bytes().startswith(PNG)
        pixels = imread(out / name)
        assert min(pixels.shape[:2]) > 200
        assert pixels.std() > 0.01


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """``stand_in(BODY)``: a training is a script with this body."""

    monkeypatch.setattr(quickstart, "draw", lambda out, runs: (out / "gallery", out / "curves"))

    def set_to(body):
        script = tmp_path / "stand_in.py"
        script.write_text("import sys\nfrom pathlib import Path\n" + body, encoding="utf-8")
        monkeypatch.setattr(
            Cell, "command", lambda cell, *_: [sys.executable, str(script), str(cell.folder)]
        )

    return set_to


LOGS = """
vis = Path(sys.argv[1]) / "start" / "vis_data"
vis.mkdir(parents=True)
train = '{"loss_mixup": 2.0, "epoch": 1, "iter": 1, "step": 1}'
val = '{"accuracy/top1": 50.0, "mixed/top2": 10.0, "step": 1}'
(vis / "scalars.json").write_text(f"{train}\\n{val}\\n")
"""


def test_what_is_finished_is_not_trained_again(start_here, stand_in, tmp_path, monkeypatch):
    """Each training has one thread."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    options = ["--epochs", 1, "--seeds", 2, "--out", tmp_path / "out"]
    stand_in("import os\nprint('threads', os.environ['OMP_NUM_THREADS'])\n" + LOGS)
    first = start_here(*options)
    log = tmp_path / "out" / "digits_vanilla-s0-1ep" / "train.log"
    assert "threads 1\n" in log.read_text(encoding="utf-8")
    assert first.status == 0, first.err
    assert first.out.count(": finished, last accuracy/top1 50.00") == 6
    assert first.out.count(" 50.0 ± 0.0 ") == 3
    stand_in("sys.exit('trained again')")
    again = start_here(*options)
    assert (again.status, again.out.count(" 50.0 ± 0.0 ")) == (0, 3)


@pytest.mark.slow
def test_a_locale_without_utf_8(start_here, stand_in, start, tmp_path):
    """As on Windows: the table is drawn with what there is. One of the three is trained there."""
    out = tmp_path / "a folder with spaces"
    options = ["--epochs", 1, "--seeds", 1, "--out", out]
    stand_in(LOGS)
    assert start_here(*options).status == 0
    shutil.rmtree(out / "digits_vanilla-s0-1ep")
    environment = dict(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    said = start("quickstart", *options, cwd=tmp_path, **environment)
    assert "3 runs in" in said
    assert str(out / "gallery.png") in said
    made = sorted(file.name for file in out.iterdir() if file.is_file())
    assert made == ["curves.png", "gallery.png", "results.json"]


def test_a_run_that_fails_shows_its_last_lines(start_here, stand_in, tmp_path):
    stand_in("sys.exit('error: no luck')")
    done = start_here("--epochs", 1, "--seeds", 1, "--jobs", 1, "--out", tmp_path)
    assert done.status == 1
    log = tmp_path / "digits_vanilla-s0-1ep" / "train.log"
    said = f"digits_vanilla-s0-1ep: failed with status 1; the end of {log}:\n"
    assert said in done.out
    assert "    error: no luck\n" in done.out
    assert "mixed top-2" not in done.out
    assert log.is_file()


def test_a_config_that_is_not_there(start_here, tmp_path, monkeypatch):
    monkeypatch.setattr(quickstart, "METHODS", {"vanilla": "digits_vanila"})
    done = start_here("--epochs", 1, "--seeds", 1, "--out", tmp_path)
    assert done.status == 2
    assert "error: no config file" in done.err
    assert "did you mean" in done.err


@pytest.mark.parametrize("option", ["--seeds", "--epochs", "--jobs"])
@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_bad_arguments(start_here, tmp_path, option, value):
    done = start_here(option, value, "--out", tmp_path / "absent")
    assert done.status == 2
    assert option in done.err
    assert value in done.err
    assert not (tmp_path / "absent").exists()
