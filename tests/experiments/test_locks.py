"""Two sweeps do not train one cell at a time, and a stopped one can be gone on with."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from dmmix.compat.lock import Lock, holder
from dmmix.experiments.launch.training import Training
from dmmix.experiments.store.state import state_of

FOUR = "axes = dict(seed=[0, 1, 2, 3], epochs=[5])\n"
ONE = "axes = dict(seed=[0], epochs=[5])\n"


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def lock_file(cell, **lock):
    cell.folder.mkdir(parents=True, exist_ok=True)
    file = cell.folder / "lock.json"
    file.write_text(json.dumps({"host": socket.gethostname(), **lock}), encoding="utf-8")
    return file


def test_a_lock_is_for_one(tmp_path):
    first, second = Lock(tmp_path), Lock(tmp_path)
    assert holder(tmp_path) is None
    assert first.take()
    assert not second.take()
    assert holder(tmp_path) == f"process {os.getpid()} on {socket.gethostname()}"
    first.release()
    assert second.take()


def test_a_cell_that_another_process_trains(make_cells, stand_in, train, started):
    stand_in("log(1, 5)\n")
    (cell,) = make_cells(ONE)
    lock_file(cell, pid=os.getpid())
    done = train([cell])
    assert done.done  # there is nothing left to do for us
    assert started() == []
    assert state_of(cell).word == "running"
    assert Training.start(cell, os.environ) is None


def test_a_lock_whose_process_is_dead_is_taken_over(make_cells, stand_in, train, started, dead):
    stand_in("log(1, 5)\n")
    (cell,) = make_cells(ONE)
    file = lock_file(cell, pid=dead)
    assert train([cell]).done
    assert started() == ["s0-5ep"]
    assert not file.exists()
    assert list(cell.folder.glob("lock*")) == []


def test_the_number_of_a_dead_process_that_is_used_again(make_cells):
    (cell,) = make_cells(ONE)
    lock_file(cell, pid=os.getpid(), began=1.0)
    assert holder(cell.folder) is None


def test_a_training_that_outlived_its_sweep(make_cells, dead):
    (cell,) = make_cells(ONE)
    lock_file(cell, pid=dead, trainer=os.getpid())
    assert holder(cell.folder) == f"process {os.getpid()} on {socket.gethostname()}"
    lock_file(cell, pid=dead, trainer=dead)
    assert holder(cell.folder) is None


def test_a_lock_of_another_host_holds_while_it_is_touched(make_cells, dead):
    (cell,) = make_cells(ONE)
    file = lock_file(cell, pid=dead, host="far-away")
    assert holder(cell.folder) == f"process {dead} on far-away"
    long_ago = time.time() - 601
    os.utime(file, (long_ago, long_ago))
    assert holder(cell.folder) is None
    lock = Lock(cell.folder)
    lock.touch()
    assert holder(cell.folder) is not None


def test_a_lock_that_is_not_written_yet(make_cells):
    (cell,) = make_cells(ONE)
    file = lock_file(cell)
    file.write_text("", encoding="utf-8")
    assert holder(cell.folder) == "a process that just started"
    os.utime(file, (time.time() - 60,) * 2)
    assert holder(cell.folder) is None
    assert Lock(cell.folder).take()


def test_a_new_lock_is_not_put_away_as_a_stale_one(tmp_path):
    """Between the look at a stale lock and its removal, another process may have taken it."""
    mine, other = Lock(tmp_path), Lock(tmp_path)
    assert other.take()
    mine._put_stale_away()
    assert json.loads(other.file.read_text(encoding="utf-8"))["pid"] == os.getpid()
    assert not mine.take()


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
    assert [state_of(cell).word for cell in cells] == ["running"] * 2 + ["waiting"] * 2
    sweep.send_signal(getattr(signal, name))
    said = sweep.communicate(timeout=60)[0]
    assert sweep.returncode == 130, said
    assert "stopped; the same command goes on with it" in said
    assert "Traceback" not in said
    for folder in both:
        pids = list(map(int, (folder / "pids").read_text(encoding="utf-8").split()))
        wait_until(lambda pids=pids: not any(map(runs, pids)), 10)
        assert not (folder / "lock.json").exists()
        assert not (folder / "failed.json").exists()
        assert (folder / "config.py").read_text(encoding="utf-8").startswith("# Cell ")
    words = [state_of(cell).word for cell in cells]
    assert words == ["interrupted"] * 2 + ["waiting"] * 2

    again = start_sweep(sweep_file(FOUR), "log(3 if resumed else 1, 5)\n")
    assert again.wait(60) == 0
    assert started()[2:] == ["s0-5ep --resume", "s1-5ep --resume", "s2-5ep", "s3-5ep"]


@pytest.mark.slow
def test_a_killed_sweep_leaves_a_lock_that_holds_while_its_training_lives(
    start_sweep, sweep_file, make_cells
):
    sweep = start_sweep(sweep_file(ONE), "log(1, 2)\n(folder / 'ready').touch()\ntime.sleep(100)")
    (cell,) = make_cells(ONE)
    wait_until((cell.folder / "ready").exists)
    trainer = json.loads((cell.folder / "lock.json").read_text(encoding="utf-8"))["trainer"]
    sweep.kill()
    sweep.wait()
    assert state_of(cell).note.startswith(f"process {trainer} on")
    psutil.Process(trainer).kill()
    wait_until(lambda: state_of(cell).word == "interrupted", 10)
