"""One process at a time, and who it is; a lock of a process that is gone holds nobody up."""

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from dmmix.compat import lock as module
from dmmix.compat.lock import Lock

HOLDS = """
import sys, time
from dmmix.compat.lock import Lock
lock = Lock(sys.argv[1])
assert lock.take()
print("taken", flush=True)
time.sleep(600)
"""


def hold_lock(file):
    """A process that has taken this lock."""
    command = [sys.executable, "-c", HOLDS, str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert "taken" in process.stdout.readline()
    return process


@pytest.fixture
def file(tmp_path):
    return tmp_path / "a.lock"


def write(file, age=0.0, **owner):
    """A lock file as it is left behind, of this process unless something else is said."""
    record = dict(pid=os.getpid(), host=socket.gethostname(), mode="lease", token="x")
    record.update(duration=float(module.WATCH), start=1, **owner)
    lines = ["filelock/2", *(f"{key}={value}" for key, value in record.items())]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    os.utime(file, (time.time() - age,) * 2)


def test_a_lock_is_for_one(file):
    first, second = Lock(file), Lock(file)
    assert first.holder() is None
    assert first.take()
    assert not second.take()
    for one in (first, second):
        assert one.holder() == f"process {os.getpid()} on {socket.gethostname()}"
    second.release()  # it is not its own
    assert first.holder() is not None
    first.release()
    assert not file.exists()
    assert second.take()


def test_a_process_that_is_killed_holds_nobody_up(file):
    other, lock = hold_lock(file), Lock(file)
    assert lock.holder() == f"process {other.pid} on {socket.gethostname()}"
    assert not lock.take()
    other.kill()
    began = time.monotonic()
    while lock.holder() is not None:  # nobody has waited for it yet
        assert time.monotonic() - began < 10
        time.sleep(0.01)
    other.communicate()
    assert lock.take()
    assert time.monotonic() - began < module.WATCH / 2
    assert lock.holder() is not None


def test_the_next_one_waits(file):
    other = hold_lock(file)
    timer = threading.Timer(0.3, other.kill)
    timer.start()
    reaper = threading.Thread(target=other.communicate)
    reaper.start()
    with Lock(file) as lock:
        assert other.poll() is not None
        assert lock.holder() == f"process {os.getpid()} on {socket.gethostname()}"
    assert lock.holder() is None
    reaper.join()


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(module, "WATCH", 0.3)


def test_a_lock_of_another_host_holds_while_it_is_renewed(file, short):
    write(file, host="far-away")
    assert Lock(file).holder() == f"process {os.getpid()} on far-away"
    assert not Lock(file).take()
    write(file, host="far-away", age=module.PATIENCE + 1)
    assert Lock(file).holder() is None
    began = time.monotonic()
    lock = Lock(file)
    assert lock.take()
    assert time.monotonic() - began > module.WATCH  # it was watched
    assert lock.holder() == f"process {os.getpid()} on {socket.gethostname()}"


def test_a_lock_is_renewed_while_it_is_held(file, short):
    lock = Lock(file)
    assert lock.take()
    os.utime(file, (1, 1))
    deadline = time.monotonic() + 10
    while file.stat().st_mtime == 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_files_that_hold_nobody_up(file, short):
    write(file, age=10**6)  # the number of a dead process that is used again
    assert Lock(file).holder() is None
    assert Lock(file).take()
    # A container and its host may have one name, and the numbers of their processes are others.
    write(file, host=f"{socket.gethostname()}?pidns-1", pid=2**22 + 1)
    assert Lock(file).holder() is None
    file.write_text("", encoding="utf-8")  # not written yet, or torn
    assert Lock(file).holder() == "a process that has just started"
    os.utime(file, (time.time() - 60,) * 2)
    assert Lock(file).holder() is None


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    lock = Lock(tmp_path / "file" / "a.lock")
    with pytest.raises(OSError, match="file"):
        lock.take()
