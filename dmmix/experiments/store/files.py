"""Small JSON files that are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dmmix.compat.atomic import atomic_open
from dmmix.configuration.errors import UserError

_REMEDY = "move it away to do without it"


def write_json(path: Path, value: dict[str, Any]) -> None:
    """A line for each entry."""
    lines = [f"  {json.dumps(key)}: {json.dumps(entry)}" for key, entry in value.items()]
    write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")


def write_text(path: Path, text: str) -> None:
    """A kill in between leaves the old one."""
    with atomic_open(path, "w") as stream:
        stream.write(text)


def read_json(path: Path, **kinds: type) -> dict[str, Any] | None:
    """The dict in the file; ``None`` where there is no file.

    Args:
        path: of the file.
        **kinds: what entries are, where they are there.

    Raises:
        UserError: it is not as :func:`write_json` writes it; the message names the file.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {error}; {_REMEDY}") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} must hold a dict, got {type(value).__name__}; {_REMEDY}")
    for key, kind in kinds.items():
        if not isinstance(value.get(key), kind | None):
            raise UserError(
                f"{path}: {key!r} must be a {kind.__name__}, got {value[key]!r}; {_REMEDY}"
            )
    return value
