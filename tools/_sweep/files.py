"""Small JSON files that are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dmmix.compat.atomic import atomic_open

__all__ = ["read_json", "write_json", "write_text"]


def write_json(path: Path, value: dict[str, Any]) -> None:
    """A line for each entry."""
    lines = [f"  {json.dumps(key)}: {json.dumps(entry)}" for key, entry in value.items()]
    write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")


def write_text(path: Path, text: str) -> None:
    """A kill in between leaves the old one."""
    with atomic_open(path, "w") as stream:
        stream.write(text)


def read_json(path: Path) -> dict[str, Any] | None:
    """The dict in the file; ``None`` where there is none that can be read."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
