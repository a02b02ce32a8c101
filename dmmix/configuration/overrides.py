"""``--cfg-options KEY=VALUE``: keys that the config has, or that a part of it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dmmix.configuration.errors import UserError
from dmmix.configuration.keys import OTHER_KEYS, RUNNER_KEYS
from dmmix.configuration.override_values import parse_value
from dmmix.configuration.type_check import arguments
from dmmix.suggestions import suggestion

__all__ = ["check_overrides", "parse_overrides"]


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
