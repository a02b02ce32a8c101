"""The folder that a run writes to."""

import errno
import os
import subprocess
import sys

import pytest

from dmmix.compat import DiskFullError
from dmmix.compat.atomic import atomic_open
from dmmix.engine.resuming.folder import WorkFolder
from tests.engine.small import log_of
from tests.engine.test_resuming import runner

pytestmark = pytest.mark.openmmlab


def files(folder):
    return sorted(file.name for file in folder.glob("*.pth"))


def test_the_checkpoints_of_an_earlier_run_are_not_written_over(tmp_path):
    """Unless they are let go, by a run that can be built; a text that says no is true."""
    runner(tmp_path).train()
    before = {file: file.read_bytes() for file in tmp_path.glob("*.pth")}
    last, earlier = (
        str(tmp_path / "epoch_4.pth"),
        r"earlier run \(epoch_4.pth and 4 more\).*--resume",
    )
    for settings, error, says in (
        ({}, FileExistsError, earlier),
        (dict(load_from=last), FileExistsError, earlier),
        *(
            (dict(overwrite=value), ValueError, "config: overwrite must be True or False, got")
            for value in ("no", "yes", 1, None)
        ),
        (dict(overwrite=True, schedule=(dict(type="NoSuchLR"),)), KeyError, "NoSuchLR"),
        (
            dict(overwrite=True, load_from=last),
            FileExistsError,
            "load_from names .*epoch_4.pth, which overwrite",
        ),
    ):
        with pytest.raises(error, match=says):
            runner(tmp_path, **settings).train()
        assert {file: file.read_bytes() for file in before} == before
    made = runner(tmp_path, overwrite=True, loop=dict(by_epoch=True, max_epochs=1))
    made.train()
    assert files(tmp_path) == ["best_accuracy_epoch_1.pth", "epoch_1.pth"]
    assert "Removed 5 checkpoints of an earlier run" in log_of(made)


@pytest.mark.slow
def test_one_run_at_a_time(tmp_path):
    """Another process holds it; when that is killed, it is free."""
    holds = (
        "import sys, time\n"
        "from dmmix.engine.resuming.folder import WorkFolder\n"
        f"folder = WorkFolder({str(tmp_path)!r}, [])\n"
        "folder.begin(False, False)\n"
        "print('taken', flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holds], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as other:
        try:
            assert any("taken" in line for line in other.stdout)
            for resume in (False, True):
                with pytest.raises(BlockingIOError, match=rf"going on \(process {other.pid} on .*"):
                    runner(tmp_path, resume=resume).train()
        finally:
            other.kill()
    runner(tmp_path, loop=dict(by_epoch=True, max_epochs=1)).train()
    assert not (tmp_path / "running.lock").exists()


def test_files_of_killed_writes_are_cleared_away(tmp_path):
    torn, other = tmp_path / ".epoch_3.pth.0123456789ab.tmp", tmp_path / ".mine.tmp"
    for file in (torn, other):
        file.write_bytes(b"half")
    folder = WorkFolder(str(tmp_path), [])
    assert folder.begin(True, False) == 1
    assert f"pid={os.getpid()}\n" in (tmp_path / "running.lock").read_text(encoding="utf-8")
    folder.end()
    assert list(tmp_path.iterdir()) == [other]


def test_a_best_checkpoint_that_is_none_any_more_goes(tmp_path):
    """Of a run that was killed after it wrote one, and goes on from before."""
    runner(tmp_path).train()
    (best,) = tmp_path.glob("best_accuracy_*")
    for name in ("best_accuracy_epoch_7.pth", "best_loss_epoch_7.pth"):
        (tmp_path / name).write_bytes(best.read_bytes())
    made = runner(tmp_path, resume=True)
    made.train()
    assert [name for name in files(tmp_path) if "best" in name] == [
        best.name,
        "best_loss_epoch_7.pth",
    ]
    assert "best_accuracy_epoch_7.pth" in log_of(made)


class Full:
    """A disk with room for so many bytes."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.mark.parametrize("room", [0, 2000])
def test_a_full_disk_says_so(tmp_path, monkeypatch, room):
    """And the checkpoint before it is whole."""
    runner(tmp_path, loop=dict(by_epoch=True, max_epochs=1)).train()
    before = (tmp_path / "epoch_1.pth").read_bytes()
    opened = open
    monkeypatch.setattr(
        "dmmix.compat.atomic.open",
        lambda path, *args, **kwargs: Full(opened(path, *args, **kwargs), room),
        raising=False,
    )
    monkeypatch.setattr(Full, "__enter__", lambda self: self, raising=False)
    monkeypatch.setattr(Full, "__exit__", lambda self, *_: self.file.close(), raising=False)
    with pytest.raises(DiskFullError, match=rf"the disk of {tmp_path} is full, so epoch_2.pth was"):
        runner(tmp_path, resume=True).train()
    assert (tmp_path / "epoch_1.pth").read_bytes() == before
    assert not [file for file in tmp_path.iterdir() if file.suffix == ".tmp"]
    with pytest.raises(PermissionError), atomic_open(tmp_path / "file", "w"):
        raise PermissionError(errno.EACCES, "no")  # other errors stay what they are
