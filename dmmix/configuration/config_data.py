"""The config that a run has left, read as data: it may be somebody else's."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any


def read_config_data(path: Path) -> dict[str, Any]:
    """The values of a config file that mmengine has written; see :func:`config_data`."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no config as mmengine writes it: {error}") from error
    return config_data(text, str(path))


def config_data(text: str, name: str) -> dict[str, Any]:
    """The values of a config that mmengine has written: literals, containers and ``dict(...)``.

    Nothing in it is run, and no type in it can be looked for outside of the registries.

    Args:
        text: the config.
        name: of where it stands, for messages.

    Raises:
        ValueError: something else; it names the file, the line and what stands there.
    """
    try:
        tree = ast.parse(text)
        values = dict(_assignment(statement) for statement in tree.body)
    except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
        raise ValueError(f"{name} is no config as mmengine writes it: {error}") from error
    for kind in _types(values):
        # mmengine's registries import what a dotted name says, from anywhere.
        if not isinstance(kind, str) or "." in kind:
            raise ValueError(f"{name}: type={kind!r} is no name of a registry, and is not imported")
    return values


class _NoDataError(ValueError):
    def __init__(self, node: ast.expr | ast.stmt) -> None:
        code = ast.unparse(node).splitlines()[0][:60]
        super().__init__(f"line {node.lineno}, {code!r} is no data and is not run")


def _assignment(statement: ast.stmt) -> tuple[str, Any]:
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        raise _NoDataError(statement)
    (target,) = statement.targets
    if not isinstance(target, ast.Name):
        raise _NoDataError(statement)
    return target.id, _value(statement.value)


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.List):
        return [_value(part) for part in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value(part) for part in node.elts)
    if isinstance(node, ast.Set):
        return {_literal(part) for part in node.elts}
    if isinstance(node, ast.Dict) and None not in node.keys:
        pairs = zip(node.keys, node.values, strict=True)
        return {_literal(key): _value(value) for key, value in pairs if key is not None}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        name, words = node.func.id, [word.arg for word in node.keywords]
        if name == "dict" and not node.args and None not in words:
            return {word.arg: _value(word.value) for word in node.keywords}
        if name == "set" and not node.args and not node.keywords:
            return set()
        if name == "float" and len(node.args) == 1 and not node.keywords:
            text = _literal(node.args[0])
            if text in ("inf", "-inf", "nan"):
                return float(text)
        raise _NoDataError(node)
    return _literal(node)


def _literal(node: ast.expr) -> Any:
    if isinstance(node, ast.Name) and node.id in ("inf", "nan"):  # how floats print themselves
        return float(node.id)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise _NoDataError(node) from None


def _types(value: Any) -> list[Any]:
    """What every ``type`` in the config says, wherever it stands."""
    if isinstance(value, dict):
        own = [value["type"]] if "type" in value else []
        return own + [kind for part in value.values() for kind in _types(part)]
    if isinstance(value, list | tuple):
        return [kind for part in value for kind in _types(part)]
    return []
