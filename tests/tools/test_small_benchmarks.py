"""The smaller tools of tools/benchmarks, and what makes their files: they measure, and say what."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

#: Options, and a row of the table.
TINY = {
    "loss": (["--shapes", "3x4", "--no-compile", "--device", "cpu"], "DM(CE)"),
    "step": (["--steps", 1, "--device", "cpu"], "DM(CE)"),
    "finite": (["--steps", 1], "digits"),
    "saving": (["--rows", "digits"], "digits"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_it_measures(start_tool, name, tmp_path):
    (options, row), out = TINY[name], tmp_path / "out.json"
    both = ["--rounds", 1, "--threads", 1, "--out", out]
    assert row in start_tool(f"benchmarks/{name}.py", *options, *both)
    assert json.loads(out.read_text(encoding="utf-8"))["environment"]["threads"] == 1


def test_what_the_look_costs_is_told_turn_by_turn(tool):
    """With its turns, and without them, in an order that favours neither."""
    finite = tool("finite")
    turns = finite.Turns(steps=2, rounds=3, say=lambda **_: None)
    turns.seconds = {True: [4.0, 4.0, 6.0], False: [4.0, 2.0, 4.0]}
    found = finite.summary(turns)
    assert found["ratios"] == [1.0, 2.0, 1.5]
    assert found["ratio"] == 1.5
    assert found["with_ms"] == 2000.0


# startup.py


@pytest.fixture
def startup(tool):
    return tool("startup")


def test_the_import_profile(startup):
    profile = startup.import_profile(
        "import time: self [us] | cumulative | imported package\n"
        "import time:      2000 |       2000 |   torch._C\n"
        "other output\n"
        "import time:      1000 |       3000 | torch\n"
        "import time:      5000 |       5000 | numpy\n"
    )
    assert profile == {"numpy": 0.005, "torch": 0.003}
    assert list(profile) == ["numpy", "torch"]


def test_ratios_are_of_the_same_round(startup):
    times = {
        "first": [(1.0, 2.0), (3.0, 3.0), (8.0, 1.0)],
        "first, mmpretrain": [(2.0, 2.0), (3.0, 6.0), (2.0, 1.0)],
        "--help": [(1.0, 1.0)] * 3,
    }
    assert startup._ratios(times) == {
        "first, over mmpretrain": {"seconds": 1.0, "cpu_seconds": 1.0}
    }


def test_a_program_that_ends_otherwise_is_an_error(startup, tool_environment):
    program = startup.Program(["-c", "print('oops'); raise SystemExit(3)"], tool_environment, 0)
    with pytest.raises(RuntimeError, match="oops"):
        program.run()


@pytest.mark.openmmlab
def test_how_long_commands_take_to_answer(run, tmp_path):
    out = tmp_path / "out.json"
    shown = run("startup", "--rounds", 1, "--cases", "wrong path", "base", "--out", out)
    assert "wrong path" in shown
    results = json.loads(out.read_text(encoding="utf-8"))["results"]
    assert set(results) == {"wrong path", "wrong base file"}
    assert all(row["cpu_seconds"] > 0 and row["seconds"] > 0 for row in results.values())


# decoding.py


def test_decoders_agree(tool):
    (file,) = tool("decoding").make_files(1, 60, 80)
    found = tool("decoding").decoders()
    pixels = {name: np.asarray(decode(file)) for name, decode in found.items()}
    assert {"OpenCV", "OpenCV, half the size", "Pillow"} <= set(pixels)
    assert pixels["OpenCV"].shape == (60, 80, 3)
    assert pixels["OpenCV, half the size"].shape == (30, 40, 3)
    assert np.abs(pixels["OpenCV"].astype(int) - pixels["Pillow"]).max() <= 2
    if "torchvision" in pixels:
        there = pixels["torchvision"].transpose(1, 2, 0)
        assert np.abs(there.astype(int) - pixels["OpenCV"]).max() <= 2


def test_files_are_like_photographs_and_those_of_the_throughput_benchmark(tool, tmp_path):
    files = tool("decoding").make_files(2, 375, 500)
    assert files[0] != files[1]
    assert all(2e4 < len(file) < 3e5 for file in files)
    assert cv2.imdecode(np.frombuffer(files[0], np.uint8), cv2.IMREAD_COLOR).shape == (375, 500, 3)
    rows = tool("throughput_rows")
    folder = Path(rows.write_data(rows.ROWS["r50_224"].but(images=2), tmp_path))
    assert [(folder / f"{k}.jpg").read_bytes() for k in range(2)] == files


def test_the_table_of_decoders(tool, run):
    options = ["--height", 40, "--width", 50, "--images", 2, "--rounds", 2]
    shown = run("decoding", *options)
    assert all(name in shown for name in [*tool("decoding").decoders(), "1.00"])


# _report.py


@pytest.fixture
def report(tool):
    return tool("_report")


@pytest.fixture
def checkout(tmp_path):
    """A repository with one commit, and what runs git in it."""

    def git(*arguments):
        names = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
        command = ["git", "-C", str(tmp_path), *names, *arguments]
        options = dict(check=True, capture_output=True, text=True, encoding="utf-8")
        return subprocess.run(command, **options).stdout.strip()

    git("init", "-q")
    (tmp_path / "file").write_text("a", encoding="utf-8")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    return tmp_path, git


def test_numbers_behind_where_they_are_from(report, root, tmp_path, monkeypatch):
    tool = str(root / "tools" / "benchmarks" / "loss.py")
    monkeypatch.setattr(sys, "argv", [tool, "--threads", "2", "--shapes", "a b"])
    out = tmp_path / "new" / "numbers.json"
    report.write_report(out, {"rows": [1.5]}, threads=7, packages=("pytest", "no-such-package"))
    read = json.loads(out.read_text(encoding="utf-8"))
    assert list(read) == ["environment", "rows"]
    about = read["environment"]
    assert about["command"] == "python tools/benchmarks/loss.py --threads 2 --shapes 'a b'"
    assert about["torch"] == torch.__version__
    assert about["pytest"] == pytest.__version__
    assert about["threads"] == 7
    assert "no-such-package" not in about
    assert about["commit"] == report.commit_of(root)


def test_the_commit(report, checkout, monkeypatch):
    folder, git = checkout
    commit = git("rev-parse", "HEAD")
    assert re.fullmatch("[0-9a-f]{40}", commit)
    assert report.commit_of(folder) == commit
    (folder / "untracked").write_text("a", encoding="utf-8")
    assert report.commit_of(folder) == commit
    (folder / "file").write_text("b", encoding="utf-8")
    assert report.commit_of(folder) == f"{commit}, changed"
    below = folder / "site-packages"  # of another repository: none
    below.mkdir()
    assert report.commit_of(below) is None
    assert report.commit_of(folder / "nowhere") is None
    monkeypatch.setenv("PATH", str(below))  # without git
    assert report.commit_of(folder) is None


# photo_loading.py


@pytest.mark.openmmlab
def test_photographs_a_second(run, tmp_path):
    out = tmp_path / "out.json"
    small = ["--images", 2, "--height", 60, "--width", 80]
    run("photo_loading", *small, "--files", 20, "--rounds", 2, "--out", out)
    report = json.loads(out.read_text(encoding="utf-8"))
    rows = report["rows"]
    assert set(report["listing_cpu_seconds"]) == {"dmmix", "mmpretrain", "torchvision", "timm"}
    assert set(report["listing_cpu_seconds"]) <= set(rows)
    assert {"dmmix, cache in memory", "dmmix, cache in a file"} <= set(rows)
    assert rows["timm"]["over_timm"] == 1
    assert all(row["images_per_second"] > 0 for row in rows.values())


@pytest.mark.openmmlab
def test_all_load_the_same(tool, tmp_path):
    loading = tool("photo_loading")
    loading.write_photographs(tmp_path / "photos", 2, 60, 80)
    for dataset in loading.datasets(str(tmp_path / "photos"), str(tmp_path / "cache")).values():
        assert len(dataset) == 2
        image = next(iter(dataset[0].values())) if isinstance(dataset[0], dict) else dataset[0][0]
        assert tuple(image.shape) == (3, 224, 224)
        assert str(image.dtype).endswith("uint8")
