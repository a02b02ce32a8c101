"""tools/quickstart.py: three short runs, a table, two pictures, and what it says when one fails."""

import json
import sys

import pytest

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def quickstart(load_tool, monkeypatch):
    """``quickstart(OPTION...)`` calls main(); the module is its attribute."""
    module = load_tool("quickstart")

    def call(*options):
        monkeypatch.setattr(sys, "argv", ["quickstart.py", *map(str, options)])
        module.main()

    call.module = module
    return call


@pytest.mark.slow
@pytest.mark.openmmlab
def test_two_epochs_of_each_method(quickstart, tmp_path, monkeypatch, capsys, tool_environment):
    from matplotlib.image import imread

    monkeypatch.setenv("PYTHONPATH", tool_environment["PYTHONPATH"])
    out = tmp_path / "größer 100 %"
    quickstart("--epochs", 2, "--seeds", 1, "--out", out)

    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    names = ["digits_vanilla", "digits_cutmix_mce", "digits_cutmix_dm"]
    configs = dict(zip(results, names, strict=True))
    table = capsys.readouterr().out
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
def test_a_locale_without_utf_8(start_tool, tmp_path):
    """As on Windows: the table is drawn with what there is."""
    out = tmp_path / "a folder with spaces"
    environment = dict(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    said = start_tool(
        "quickstart.py", "--epochs", 1, "--seeds", 1, "--out", out, cwd=tmp_path, **environment
    )
    assert "3 runs in" in said
    assert str(out / "gallery.png") in said
    assert sorted(file.name for file in out.iterdir() if file.is_file()) == [
        "curves.png",
        "gallery.png",
        "results.json",
    ]


@pytest.mark.slow
def test_a_run_that_fails_shows_its_last_lines(quickstart, tmp_path, monkeypatch):
    module = quickstart.module
    monkeypatch.setattr(module, "METHODS", {"vanilla": "digits_vanila"})
    with pytest.raises(SystemExit) as stop:
        quickstart("--epochs", 1, "--seeds", 1, "--jobs", 1, "--out", tmp_path)
    message = str(stop.value)
    assert "error: no config file" in message
    assert "did you mean" in message
    log = tmp_path / "digits_vanila" / "seed0" / "train.log"
    assert message.endswith(f"vanilla, seed 0 failed with status 2; all of it: {log}")
    assert log.is_file()


@pytest.mark.parametrize("option", ["--seeds", "--epochs", "--jobs"])
@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_bad_arguments(quickstart, tmp_path, capsys, option, value):
    with pytest.raises(SystemExit) as stop:
        quickstart(option, value, "--out", tmp_path / "absent")
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert option in error
    assert value in error
    assert not (tmp_path / "absent").exists()


def test_a_half_written_log_is_read_up_to_its_last_whole_line(quickstart, tmp_path):
    module = quickstart.module
    run = module.Run("vanilla", 0, tmp_path)
    assert run.records() == []
    assert module.epoch_of(run) == 0
    log = tmp_path / "20200101_000000" / "vis_data" / "scalars.json"
    log.parent.mkdir(parents=True)
    log.write_text('{"epoch": 1, "loss": 2.0}\n{"epoch": 2, "lo', encoding="utf-8")
    assert run.records() == [{"epoch": 1, "loss": 2.0}]
    assert module.epoch_of(run) == 1


def test_a_spread_needs_two_seeds(quickstart):
    assert quickstart.module.spread([90.0]) == "90.0"
    assert quickstart.module.spread([90.0, 92.0]) == "91.0 ± 1.4"
