"""The classes of a user's own that a checkpoint may contain."""

from typing import Any, TypeVar

__all__ = ["allow", "allowed_classes"]

_Class = TypeVar("_Class")
_added: list[Any] = []


def allow(cls: _Class) -> _Class:
    """Add ``cls`` to what checkpoints may contain; see :func:`dmmix.compat.allow_checkpoint_class`.

    Raises:
        TypeError: Not a class or function with a module and a name.
    """
    if not callable(cls) or not hasattr(cls, "__module__") or not hasattr(cls, "__qualname__"):
        raise TypeError(f"a class (or function) is needed, not {cls!r}")
    if cls not in _added:
        _added.append(cls)
    return cls


def allowed_classes() -> dict[str, Any]:
    """What was added, by the name that a pickle has for it."""
    return {f"{cls.__module__}.{cls.__qualname__}": cls for cls in _added}
