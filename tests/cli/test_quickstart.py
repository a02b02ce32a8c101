"""dmmix quickstart: three short runs, a table, two pictures, and what it says when one fails."""

import json

import pytest
from matplotlib.image import imread

from dmmix.cli import quickstart

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
        (log,) = (out / config / "seed0").glob("*/vis_data/scalars.json")
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


@pytest.mark.slow
def test_a_locale_without_utf_8(start, tmp_path):
    """As on Windows: the table is drawn with what there is."""
    out = tmp_path / "a folder with spaces"
    environment = dict(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    said = start(
        "quickstart", "--epochs", 1, "--seeds", 1, "--out", out, cwd=tmp_path, **environment
    )
    assert "3 runs in" in said
    assert str(out / "gallery.png") in said
    assert sorted(file.name for file in out.iterdir() if file.is_file()) == [
        "curves.png",
        "gallery.png",
        "results.json",
    ]


@pytest.mark.slow
def test_a_run_that_fails_shows_its_last_lines(start_here, tmp_path, monkeypatch):
    monkeypatch.setattr(quickstart, "METHODS", {"vanilla": "digits_vanila"})
    done = start_here("--epochs", 1, "--seeds", 1, "--jobs", 1, "--out", tmp_path)
    assert done.status == 1
    assert "error: no config file" in done.err
    assert "did you mean" in done.err
    log = tmp_path / "digits_vanila" / "seed0" / "train.log"
    assert done.err.endswith(f"vanilla, seed 0 failed with status 2; all of it: {log}\n")
    assert log.is_file()


@pytest.mark.parametrize("option", ["--seeds", "--epochs", "--jobs"])
@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_bad_arguments(start_here, tmp_path, option, value):
    done = start_here(option, value, "--out", tmp_path / "absent")
    assert done.status == 2
    assert option in done.err
    assert value in done.err
    assert not (tmp_path / "absent").exists()


def test_a_half_written_log_is_read_up_to_its_last_whole_line(tmp_path):
    run = quickstart.Run("vanilla", 0, tmp_path)
    assert run.records() == []
    assert quickstart.epoch_of(run) == 0
    log = tmp_path / "20200101_000000" / "vis_data" / "scalars.json"
    log.parent.mkdir(parents=True)
    log.write_text('{"epoch": 1, "loss": 2.0}\n{"epoch": 2, "lo', encoding="utf-8")
    assert run.records() == [{"epoch": 1, "loss": 2.0}]
    assert quickstart.epoch_of(run) == 1


def test_a_spread_needs_two_seeds():
    assert quickstart.spread([90.0]) == "90.0"
    assert quickstart.spread([90.0, 92.0]) == "91.0 ± 1.4"
