"""Files written by atomic_open."""

import os
import subprocess
import sys

import pytest

from dmmix.compat.atomic import atomic_open
from tests.machine import needs_modes_and_owners, needs_symbolic_links


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_writes_bytes_and_text_and_makes_the_folder(tmp_path):
    with atomic_open(tmp_path / "new" / "a.bin") as file:
        file.write(b"\x00\x01")
    with atomic_open(tmp_path / "new" / "a.txt", "w", encoding="utf-8") as file:
        file.write("η")
    assert (tmp_path / "new" / "a.bin").read_bytes() == b"\x00\x01"
    assert (tmp_path / "new" / "a.txt").read_text(encoding="utf-8") == "η"
    assert names(tmp_path / "new") == ["a.bin", "a.txt"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), None])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error, monkeypatch):
    """Of who writes, and of the renaming."""

    def fail(*args):
        raise OSError("no")

    path = tmp_path / "a"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(type(error or OSError())), atomic_open(path) as file:  # noqa: PT012
        file.write(b"ne")
        if error:
            raise error
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


KILLED = """
import os, sys
from dmmix.compat.atomic import atomic_open
with atomic_open(sys.argv[1]) as file:
    file.write(b"ne")
    file.flush()
    os._exit(9)  # no cleanup, as after SIGKILL
"""


def test_a_killed_process_leaves_the_old_file_and_no_second_of_its_name(tmp_path):
    path = tmp_path / "epoch_1.pth"
    path.write_bytes(b"old")
    child = subprocess.run([sys.executable, "-c", KILLED, str(path)])
    assert child.returncode == 9
    assert path.read_bytes() == b"old"
    (leftover,) = set(names(tmp_path)) - {"epoch_1.pth"}
    assert leftover.startswith(".epoch_1.pth.")
    assert leftover.endswith(".tmp")


def test_the_content_is_on_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    with atomic_open(tmp_path / "a") as file:
        file.write(b"x")
    assert calls == ["fsync", "replace", "fsync"]


@needs_modes_and_owners
def test_permissions_follow_the_umask_then_the_old_file(tmp_path):
    path = tmp_path / "a"
    umask = os.umask(0o027)
    try:
        with atomic_open(path):
            pass
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o600)
        with atomic_open(path):
            pass
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(umask)


@needs_symbolic_links
def test_writes_through_a_symbolic_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    with atomic_open(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_other_modes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="mode"), atomic_open(tmp_path / "a", "ab"):
        pass
