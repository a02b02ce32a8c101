"""Nested dicts as the Python that one would write into a config by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_WIDTH = 100


def assignments(values: Mapping[str, Any]) -> str:
    """``model = dict(...)``, a line each where it fits into one."""
    return "".join(f"{name} = {_text(value, 0, len(name) + 3)}\n" for name, value in values.items())


def _text(value: Any, indent: int, used: int) -> str:
    """The value; ``used`` characters stand before it on its line."""
    flat = _flat(value)
    if used + len(flat) + 1 <= _WIDTH or not isinstance(value, Mapping | list | tuple) or not value:
        return flat
    inner, pad = indent + 4, " " * (indent + 4)
    if isinstance(value, Mapping):
        opened, closed = ("dict(", ")") if _keywords(value) else ("{", "}")
        heads = [f"{key}=" if _keywords(value) else f"{_flat(key)}: " for key in value]
        children = list(value.values())
    else:
        opened, closed = ("[", "]") if isinstance(value, list) else ("(", ")")
        heads, children = [""] * len(value), list(value)
    lines = [
        f"{pad}{head}{_text(child, inner, inner + len(head))},\n"
        for head, child in zip(heads, children, strict=True)
    ]
    return f"{opened}\n{''.join(lines)}{' ' * indent}{closed}"


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        if _keywords(value):
            return f"dict({', '.join(f'{key}={_flat(child)}' for key, child in value.items())})"
        return "{" + ", ".join(f"{_flat(k)}: {_flat(child)}" for k, child in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flat, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_flat, value))}{',' if len(value) == 1 else ''})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _keywords(value: Mapping[Any, Any]) -> bool:
    return all(isinstance(key, str) and key.isidentifier() for key in value)
