"""What the tests of sweeps share: sweep files, and trainings that take no time."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from dmmix.experiments.grid.cell import Cell, cells_of
from dmmix.experiments.grid.sweep_file import read_sweep
from dmmix.experiments.launch.local import run_local
from dmmix.experiments.launch.plan import CellRun, Plan

#: Beside the recipe, what a small sweep file needs.
DIGITS = "recipes = {'digits': 'quickstart/digits_vanilla.py'}\n"
#: Trains nothing. ``log(first, last)`` writes the scalars and the checkpoint of some epochs.
STAND_IN = """
import json, os, sys, time
from pathlib import Path

folder, resumed = Path(sys.argv[1]), "--resume" in sys.argv
with (folder.parent / "starts").open("a") as stream:
    stream.write(f"{folder.name}{' --resume' if resumed else ''}\\n")
# As mmengine's own runner does: the whole config, under the name of the file that it was given.
(folder / "config.py").write_text("whole = True\\n")


def log(first, last, value=lambda epoch: 50.0 + epoch):
    vis = folder / f"start_{first:04}" / "vis_data"
    vis.mkdir(parents=True)
    with (vis / "scalars.json").open("w") as stream:
        for epoch in range(first, last + 1):
            for step in (1, 2):
                record = dict(loss=1 / epoch, mixed_top1=epoch + step / 10, lr=0.1, epoch=epoch)
                record.update(iter=2 * epoch + step - 2, step=2 * epoch + step - 2)
                stream.write(json.dumps(record) + "\\n")
            record = {"accuracy/top1": value(epoch), "mixed/top2": 1.0, "time": 0.1, "step": epoch}
            stream.write(json.dumps(record) + "\\n")
    (folder / f"epoch_{last}.pth").touch()


"""
DRIVER = """
import signal
import sys

# Ignored, and so for all that are started, where the tests run in the background of a shell.
signal.signal(signal.SIGINT, signal.default_int_handler)
from dmmix.cli import sweep
from dmmix.experiments.grid.cell import Cell

Cell.command = lambda cell, processes=1, resume=False: [
    *[sys.executable, {script!r}, str(cell.folder), *["--resume"] * resume]
]
sweep.main()
"""


@pytest.fixture
def sweep_file(tmp_path):
    """Writes a sweep file; with one recipe, the digits, unless it has its own."""

    def write(text, name="small"):
        path = tmp_path / f"{name}.py"
        path.write_text(text if "recipes" in text else DIGITS + text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def make_cells(sweep_file, tmp_path):
    """The cells of a sweep file with this text, in ``tmp_path/work``."""

    def make(text, only=None):
        return cells_of(read_sweep(sweep_file(text)), tmp_path / "work", only or {})

    return make


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """``stand_in(BODY)``: a cell's training is a script with this body."""
    script = tmp_path / "stand_in.py"

    def set_to(body):
        script.write_text(STAND_IN + body, encoding="utf-8")

        def command(cell, processes=1, resume=False):
            return [sys.executable, str(script), str(cell.folder), *["--resume"] * resume]

        monkeypatch.setattr(Cell, "command", command)

    return set_to


class Said:
    """In the place of what shows a sweep: keeps what was said."""

    def __init__(self):
        self.text = ""

    def say(self, text):
        self.text += text + "\n"

    def update(self, progress):
        progress.rows()


@pytest.fixture
def train():
    """Trains cells: whether all is done, and what was said."""

    def run(cells, jobs=1, **options):
        said = Said()
        plan = Plan([CellRun(cell, **options) for cell in cells], jobs)
        done = run_local(plan, said, pause=0.01)
        return SimpleNamespace(done=done, said=said.text)

    return run


@pytest.fixture
def started(tmp_path):
    """The cells that were started, in that order."""

    def read():
        file = tmp_path / "work" / "starts"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    return read


@pytest.fixture
def start_sweep(stand_in, tool_environment, tmp_path):
    """Starts dmmix sweep with a stand-in for the trainings, in a process of its own."""
    processes = []

    def start(file, body, *options):
        stand_in(body)
        driver = tmp_path / "driver.py"
        text = DRIVER.format(script=str(tmp_path / "stand_in.py"))
        driver.write_text(text, encoding="utf-8")
        command = [sys.executable, driver, file, "--work-dir", tmp_path / "work", *options]
        process = subprocess.Popen(
            list(map(str, command)),
            env=tool_environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            encoding="utf-8",
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()
