"""What a wheel holds is enough: commands, configs and sweeps, in a folder without a checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

INHERITS = """\
_base_ = "dmmix::quickstart/digits_vanilla.py"
model = dict(mixup=dict(type="CutMix", alpha=0.2))
"""


@pytest.fixture(scope="module")
def installed(root, tmp_path_factory):
    """The folder that a wheel is in: one of this checkout, or the one that make dist built."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    wheel = os.environ.get("DMMIX_WHEEL") or build(root, folder, pip)
    install = ["install", "-q", "--no-deps", "--target", str(folder / "there")]
    subprocess.run([*pip, *install, str(wheel)], check=True)
    return folder / "there"


def build(root, folder, pip):
    source = folder / "source"
    # Beside the checkout: setuptools leaves a build folder where it works.
    files = subprocess.check_output(["git", "ls-files", "-z"], cwd=root, encoding="utf-8")
    for name in filter(None, files.split("\0")):
        if not name.startswith(("tests/", "docs/")) and (root / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((root / name).read_bytes())
    wheel = ["wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)]
    subprocess.run([*pip, *wheel], check=True, cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture
def run(installed, tool_environment, tmp_path):
    """``run('train', ...)``: dmmix of the wheel in an empty folder; what it printed."""

    def call(*words):
        environment = {**tool_environment, "PYTHONPATH": str(installed)}
        done = subprocess.run(
            [sys.executable, "-m", "dmmix", *map(str, words)],
            cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


def test_a_shipped_config_trains(run):
    assert "dry run: 3 step(s) trained" in run("train", "quickstart/digits_cutmix_dm", "--dry-run")


def test_a_config_of_ones_own_inherits_from_a_shipped_one(run, tmp_path):
    (tmp_path / "mine.py").write_text(INHERITS, encoding="utf-8")
    assert "dry run: 3 step(s) trained" in run("train", "mine.py", "--dry-run")


def test_a_shipped_sweep_is_listed_and_its_cells_can_be_trained(run, tmp_path):
    listed = run("sweep", "sweeps/quickstart_digits", "--list")
    assert "waiting" in listed
    run("sweep", "sweeps/quickstart_digits", "--prepare")
    cell = min(Path(tmp_path, "work_dirs", "quickstart_digits").iterdir())
    assert "dry run" in run("train", cell / "config.py", "--dry-run")


def test_the_lists(run):
    assert "FixMatch" in run("methods")
    assert "quickstart/digits_cutmix_dm" in run("recipes")


def test_the_command(installed):
    program = installed / "bin" / ("dmmix.exe" if os.name == "nt" else "dmmix")
    assert program.is_file()
