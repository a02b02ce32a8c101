"""The values that ``--cfg-options KEY=VALUE`` takes."""

from __future__ import annotations

import ast
import re
from typing import Any

__all__ = ["parse_value"]


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
