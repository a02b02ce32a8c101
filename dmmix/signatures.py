"""What classes and functions take by keyword, those of their bases included."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

#: Bases whose ``**kwargs`` take nothing; by name, since nothing is imported for them.
_WITHOUT_ARGUMENTS = {
    ("abc", "ABC"),
    ("builtins", "object"),
    ("torch.nn.modules.module", "Module"),
    ("typing", "Generic"),
    ("typing", "Protocol"),
}


def signatures(taker: Callable) -> Iterator[tuple[Callable, inspect.Signature | None]]:
    """The constructors of a class, down its bases as far as each takes any keyword, with what they
    take; a function alone. ``None``, and the end, where that cannot be told.
    """
    for function in _functions(taker):
        try:
            signature = inspect.signature(function)
        except (NameError, TypeError, ValueError):  # of a builtin, or names that are not there
            yield function, None
            return
        yield function, signature
        if rest_of(signature) is None:
            return


def named(signature: inspect.Signature) -> dict[str, inspect.Parameter]:
    """The parameters that can be given by their names."""
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {name: each for name, each in signature.parameters.items() if each.kind in kinds}


def rest_of(signature: inspect.Signature) -> str | None:
    """The name of what takes all other keywords."""
    kind = inspect.Parameter.VAR_KEYWORD
    return next((each.name for each in signature.parameters.values() if each.kind is kind), None)


def keywords_of(taker: Callable) -> set[str]:
    """What it takes by keyword; of its bases too, as far as it hands on what is left."""
    found = (named(signature) for _, signature in signatures(taker) if signature is not None)
    return {name for parameters in found for name in parameters} - {"self"}


def _functions(taker: Callable) -> Iterator[Callable]:
    if not inspect.isclass(taker):
        yield taker
        return
    for base in taker.__mro__:
        known = (base.__module__, base.__qualname__) in _WITHOUT_ARGUMENTS
        if "__init__" in vars(base) and not known:
            yield vars(base)["__init__"]
