"""Two sweeps do not train one cell at a time, and a stopped one can be gone on with."""

import os
import signal
import socket
import time

import psutil
import pytest

from dmmix.experiments.launch.plan import CellRun
from dmmix.experiments.launch.training import Training
from tests.compat.test_lock import hold_lock

FOUR = "axes = dict(seed=[0, 1, 2, 3], epochs=[5])\n"
ONE = "axes = dict(seed=[0], epochs=[5])\n"


@pytest.fixture
def held(tmp_path):
    """``held(FILE)``: another process takes this lock; that process."""
    processes = []

    def hold(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        processes.append(hold_lock(file))
        return processes[-1]

    yield hold
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", ["sweep.lock", "running.lock"])
def test_a_cell_that_another_process_trains(name, held, make_cells, stand_in, train, started):
    """For a sweep, or left behind by one; nor is one that was finished since it was looked at."""
    stand_in("log(1, 5)\n")
    (cell,) = make_cells(ONE)
    before = CellRun(cell)
    assert before.state.word == "waiting"
    other = held(cell.folder / name)
    done = train([cell])
    assert done.done  # there is nothing left to do for us
    assert started() == []
    who = f"process {other.pid} on {socket.gethostname()}"
    assert CellRun(cell).state == ("running", who)
    assert Training.start(CellRun(cell), os.environ) is None
    other.kill()
    other.wait()
    assert train([cell]).done
    assert Training.start(before, os.environ) is None
    assert started() == ["s0-5ep"]
    assert not (cell.folder / "sweep.lock").exists()


# Several processes


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.slow
def test_two_sweeps_train_each_cell_once(start_sweep, sweep_file, started):
    file = sweep_file(FOUR)
    sweeps = [start_sweep(file, "time.sleep(0.3)\nlog(1, 5)\n") for _ in range(2)]
    said = [sweep.communicate(timeout=120)[0] for sweep in sweeps]
    assert sorted(started()) == ["s0-5ep", "s1-5ep", "s2-5ep", "s3-5ep"]
    assert [sweep.returncode for sweep in sweeps] == [0, 0], said
    finished = [line for text in said for line in text.splitlines() if ": finished, " in line]
    assert len(finished) == 4


def runs(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


LASTS = """
import subprocess  # as a data loader starts a worker
from dmmix.compat.lock import RUNNING, Lock
lock = Lock(folder / RUNNING)
lock.take()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
(folder / "pids").write_text(f"{os.getpid()} {child.pid}")
log(1, 2)
(folder / "ready").touch()
time.sleep(100)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals to stop a sweep by")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_stopped_sweep_can_be_gone_on_with(
    name, start_sweep, sweep_file, make_cells, started, tmp_path
):
    sweep = start_sweep(sweep_file(FOUR), LASTS, "--jobs", 2)
    cells = make_cells(FOUR)
    both = [cell.folder for cell in cells[:2]]
    wait_until(lambda: all((folder / "ready").exists() for folder in both))
    assert [CellRun(cell).state.word for cell in cells] == ["running"] * 2 + ["waiting"] * 2
    sweep.send_signal(getattr(signal, name))
    said = sweep.communicate(timeout=60)[0]
    assert sweep.returncode == 130, said
    assert "stopped; the same command goes on with it" in said
    assert "Traceback" not in said
    for folder in both:
        pids = list(map(int, (folder / "pids").read_text(encoding="utf-8").split()))
        wait_until(lambda pids=pids: not any(map(runs, pids)), 10)
        for name in ("sweep.lock", "running.lock", "failed.json"):
            assert not (folder / name).exists()
        assert (folder / "config.py").read_text(encoding="utf-8").startswith("# Cell ")
    words = [CellRun(cell).state.word for cell in cells]
    assert words == ["interrupted"] * 2 + ["waiting"] * 2

    again = start_sweep(sweep_file(FOUR), "log(3 if resumed else 1, 5)\n")
    assert again.wait(60) == 0
    assert started()[2:] == ["s0-5ep --resume", "s1-5ep --resume", "s2-5ep", "s3-5ep"]


@pytest.mark.slow
def test_a_killed_sweep_leaves_a_training_that_holds_its_cell(start_sweep, sweep_file, make_cells):
    """The run has a lock of its own."""
    sweep = start_sweep(sweep_file(ONE), LASTS)
    (cell,) = make_cells(ONE)
    wait_until((cell.folder / "ready").exists)
    sweep.kill()
    sweep.wait()
    trainer, worker = map(int, (cell.folder / "pids").read_text(encoding="utf-8").split())
    assert CellRun(cell).state == ("running", f"process {trainer} on {socket.gethostname()}")
    for pid in (trainer, worker):
        psutil.Process(pid).kill()
    wait_until(lambda: CellRun(cell).state.word == "interrupted", 10)
