"""available_memory: what the system and the container have left."""

import pytest

from dmmix.datasets.arrays import memory
from dmmix.datasets.arrays.memory import available_memory

pytestmark = pytest.mark.openmmlab

SYSTEM = "MemTotal:       1000 kB\nMemFree:          10 kB\nMemAvailable:     500 kB\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Writes what the kernel says."""
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "meminfo")

    def write(system=None, limit=None, used=None, stat="inactive_file 0\n"):
        if system is not None:
            (tmp_path / "meminfo").write_text(system, encoding="utf-8")
        if limit is not None:
            (tmp_path / "memory.max").write_text(f"{limit}\n", encoding="utf-8")
            (tmp_path / "memory.current").write_text(f"{used}\n", encoding="utf-8")
            (tmp_path / "memory.stat").write_text(stat, encoding="utf-8")

    return write


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (dict(), None),
        (dict(system=SYSTEM), 512_000),
        (dict(system="MemTotal: 1000 kB\n"), None),
        (dict(system=SYSTEM, limit="max", used=5), 512_000),
        (dict(system=SYSTEM, limit=600_000, used=500_000), 100_000),
        (
            dict(limit=600_000, used=500_000, stat="anon 7\ninactive_file 30000\nslab 1\n"),
            130_000,
        ),
        (dict(system=SYSTEM, limit=9_000_000, used=500_000), 512_000),
        (dict(system=SYSTEM, limit=100, used=500), 0),
    ],
)
def test_the_smaller_of_both(machine, files, expected):
    machine(**files)
    assert available_memory() == expected


def test_on_this_machine():
    found = available_memory()
    assert found is None or 0 < found < 2**50
