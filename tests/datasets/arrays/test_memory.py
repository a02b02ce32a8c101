"""available_memory: what the system and the container have left."""

from types import SimpleNamespace

import pytest

from dmmix.datasets.arrays import memory
from dmmix.datasets.arrays.memory import available_memory

pytestmark = pytest.mark.openmmlab


@pytest.mark.parametrize(
    ("limit", "used", "stat", "expected"),
    [
        (None, None, "", 512_000),  # no container
        ("max", 5, "inactive_file 0\n", 512_000),
        (600_000, 500_000, "inactive_file 0\n", 100_000),
        (600_000, 500_000, "anon 7\ninactive_file 30000\nslab 1\n", 130_000),
        (9_000_000, 500_000, "inactive_file 0\n", 512_000),
        (100, 500, "", 0),
    ],
)
def test_the_smaller_of_both(tmp_path, monkeypatch, limit, used, stat, expected):
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    system = SimpleNamespace(available=512_000)
    monkeypatch.setattr(memory.psutil, "virtual_memory", lambda: system)
    if limit is not None:
        (tmp_path / "memory.max").write_text(f"{limit}\n", encoding="utf-8")
        (tmp_path / "memory.current").write_text(f"{used}\n", encoding="utf-8")
        (tmp_path / "memory.stat").write_text(stat, encoding="utf-8")
    assert available_memory() == expected


def test_on_this_machine():
    assert 0 < available_memory() < 2**50
