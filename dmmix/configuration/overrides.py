"""``--cfg-options KEY=VALUE``: keys that the config or a part of it has, and values."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

from dmmix.configuration.errors import UserError
from dmmix.configuration.keys import OTHER_KEYS, RUNNER_KEYS
from dmmix.configuration.type_check import arguments
from dmmix.suggestions import suggestion


def parse_overrides(options: Sequence[tuple[str, str]]) -> dict[str, Any]:
    parsed = {}
    for key, text in options:
        try:
            parsed[key] = parse_value(str(text))
        except ValueError as error:
            raise UserError(f"--cfg-options {key}: {error}") from error
    return parsed


def check_overrides(cfg: Any, options: dict) -> None:
    known = RUNNER_KEYS | OTHER_KEYS
    for dotted in options:
        first, *rest = dotted.split(".")
        if first not in cfg and first not in known:
            raise UserError(
                f"--cfg-options {dotted}: the config has no key {first!r}"
                + suggestion(first, set(cfg) | known)
            )
        here = cfg.get(first)
        # The last part may be new: an argument that the config leaves at its default.
        for depth, part in enumerate(rest[:-1], start=1):
            path = ".".join([first, *rest[: depth - 1]])
            new = _arguments(here, path)
            if part in new:  # so may a dict that is an argument
                here = None
                break
            here = _child(here, part, dotted, path, new)
        if rest and here is not None and not isinstance(here, dict | list | tuple):
            path = ".".join([first, *rest[:-1]])
            raise UserError(f"--cfg-options {dotted}: {path} is {here!r} and has no parts")


def _arguments(part: Any, path: str) -> set[str]:
    """Arguments of a part of the config that it leaves at their defaults."""
    if not isinstance(part, dict):
        return set()
    default = {"optim_wrapper": "OptimWrapper"}.get(path)
    return arguments(part.get("type", default)) - set(part)


def _child(parent: Any, part: str, dotted: str, path: str, new: set[str]) -> Any:
    if isinstance(parent, list | tuple) and part.isdigit() and int(part) < len(parent):
        return parent[int(part)]
    if isinstance(parent, dict) and part in parent:
        return parent[part]
    names = {*parent, *new} if isinstance(parent, dict) else set()
    raise UserError(f"--cfg-options {dotted}: {path} has no {part!r}" + suggestion(part, names))


# Values


def parse_value(text: str) -> Any:
    """A number, ``True``, ``None``, text, ``[1,2]``, ``1,2``, and ``dict(a=1)`` or ``{'a': 1}``.

    Nothing is run: of names, ``dict`` is known, and any other is text, as mmengine reads it.

    Raises:
        ValueError: brackets that do not pair up, or a call of something else.
    """
    from mmengine.config import DictAction

    if "dict(" in text or "{" in text:  # what mmengine knows nothing of
        try:
            return _value(ast.parse(text.strip(), mode="eval").body)
        except (SyntaxError, TypeError) as error:
            raise ValueError(_NO_VALUE.format(text)) from error
    bracketed = text.strip()[:1] in ("[", "(")
    if not bracketed and "," not in text:
        if " " in text.strip():  # mmengine takes spaces out, also those of a path
            return text.strip().strip("'\"")
    elif _SPACE_IN_AN_ITEM.search(text):
        try:
            items = _value(ast.parse(text.strip(), mode="eval").body)
        except (SyntaxError, TypeError) as error:
            raise ValueError(
                f"{text!r} has an item with a space in it, which needs quotes of its own there: "
                "['a b', 'c']"
            ) from error
        return items if bracketed else list(items)
    try:
        return DictAction._parse_iterable(text)
    except AssertionError as error:  # brackets that do not pair up
        raise ValueError(str(error)) from error
    except RecursionError as error:
        raise ValueError(_NO_VALUE.format(text)) from error


_SPACE_IN_AN_ITEM = re.compile(r"[^\s,\[\]()]\s+[^\s,\[\]()]")
_NO_VALUE = (
    "{!r} is no value; numbers, text, lists, and dict(key=value) of these are (in a shell within "
    "quotes)"
)


def _value(node: ast.expr) -> Any:
    from mmengine.config import DictAction

    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return DictAction._parse_int_float_bool(node.id)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.List():
            return [_value(child) for child in node.elts]
        case ast.Tuple():
            return tuple(_value(child) for child in node.elts)
        case ast.Dict() if None not in node.keys:
            pairs = zip(node.keys, node.values, strict=True)
            return {_value(key): _value(value) for key, value in pairs if key is not None}
        case ast.Call(func=ast.Name(id="dict"), args=[]) if all(k.arg for k in node.keywords):
            return {keyword.arg: _value(keyword.value) for keyword in node.keywords}
    raise TypeError(ast.unparse(node))
