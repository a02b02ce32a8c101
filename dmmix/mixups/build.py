"""Mixes, and parts of mixes, from the dicts of configs."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

try:
    from dmmix.arguments import Checked
except ImportError:  # with torch alone: a class checks what a type cannot say, no more

    class Checked:  # type: ignore[no-redef]
        """Base of a class whose arguments are checked."""


_Kind = TypeVar("_Kind")
_builder: Callable[[Mapping], Any] | None = None


class Part(Checked, ABC):
    """A mix, or a part of one: what it was built with are its attributes."""

    def __repr__(self) -> str:
        options = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if k[0] != "_")
        return f"{type(self).__name__}({options})"


def set_builder(builder: Callable[[Mapping], Any]) -> None:
    """What makes an object of ``dict(type=...)``: :mod:`dmmix.registry` sets it."""
    global _builder
    _builder = builder


def build(config: Any, kind: type[_Kind], what: str) -> _Kind:
    """An object of this kind from its config; an object is returned as it is.

    Args:
        config: a dict with ``type``, or what is built already.
        kind: the class that it has to be of.
        what: what that is called, for messages.

    Raises:
        KeyError: an unknown type.
        TypeError: something else, or a dict where nothing builds (without :mod:`dmmix.registry`).
    """
    made = config
    if isinstance(config, Mapping):
        if _builder is None:
            raise TypeError(
                f"expected {what}, got the dict {dict(config)!r}: give it as an object, or import "
                "dmmix.registry (which needs the OpenMMLab stack), which builds it"
            )
        made = _builder(config)
    if not isinstance(made, kind):
        found = type(made)
        raise TypeError(f"expected {what}, got {found.__module__}.{found.__qualname__}")
    return made
