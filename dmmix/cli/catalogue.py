"""What there is: ``dmmix mixes``, ``losses``, ``methods``, ``recipes``."""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from dmmix.cli.pipe import quiet_pipe
from dmmix.configuration.shipped import CONFIGS

__all__ = ["main"]


def main() -> None:
    kind = sys.argv[0].rpartition(" ")[2]
    parser = argparse.ArgumentParser(description=f"List the {kind} of dmmix")
    parser.add_argument("words", nargs="*", help="only those with all of these words in the name")
    args = parser.parse_args()
    rows = [
        (name, about)
        for name, about in _KINDS[kind]()
        if all(word.lower() in name.lower() for word in args.words)
    ]
    if not rows:
        print(f"error: none of the {kind} has {' '.join(args.words)} in its name", file=sys.stderr)
        sys.exit(2)
    width = max(len(name) for name, _ in rows)
    with quiet_pipe():
        for name, about in rows:
            print(f"{name:{width}}  {about}".rstrip())


def _mixes() -> Iterator[tuple[str, str]]:
    from dmmix.visualization.sheet import registered_mixes

    return _classes(registered_mixes().values())


def _losses() -> Iterator[tuple[str, str]]:
    with redirect_stdout(StringIO()):
        from dmmix.models import losses
        from dmmix.registry import MODELS
    return _classes(_registered(MODELS, losses))


def _methods() -> Iterator[tuple[str, str]]:
    with redirect_stdout(StringIO()):
        from mmpretrain.models import BaseClassifier

        from dmmix.models import semi, transfer
        from dmmix.registry import MODELS
    found = _registered(MODELS, semi, transfer)
    return _classes(kind for kind in found if issubclass(kind, BaseClassifier))


def _registered(registry: Any, *modules: Any) -> list[type]:
    found = [getattr(module, name) for module in modules for name in module.__all__]
    return [kind for kind in found if kind in registry.module_dict.values()]


def _recipes() -> Iterator[tuple[str, str]]:
    for file in sorted(CONFIGS.rglob("*.py")):
        path = file.relative_to(CONFIGS)
        if path.parts[0] != "_base_" and not any(part.startswith("_") for part in path.parts[:-1]):
            yield path.with_suffix("").as_posix(), _first_comment(file.read_text(encoding="utf-8"))


def _classes(kinds: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        sentence = re.split(r"[.;]\s|\n\n", inspect.getdoc(kind) or "")[0].rstrip(".")
        yield kind.__name__, " ".join(_as_text(sentence).split())


def _as_text(sentence: str) -> str:
    """Formulas and links as they are read in a terminal."""
    plain = re.sub(r":\w+:|[`{}]|\\[,;!]", "", sentence)
    return re.sub(r"\\([A-Za-z]+)", lambda found: _SIGNS.get(found[1], found[1]), plain)


def _first_comment(text: str) -> str:
    found = re.match(r'\s*(?:"""(.*?)(?:\.\s|\.?"""|\n\n)|# ([^\n]*))', text, re.S)
    return "" if found is None else " ".join((found[1] or found[2]).split())


_SIGNS = {
    **dict(alpha="α", eta="η", mu="μ", sim="~", sum="Σ", tau="τ", xi="ξ"),
    **{"lambda": "λ", "mathrm": "", "operatorname": "", "frac": "", "mathcal": "", "mathbf": ""},
}
_KINDS: dict[str, Callable[[], Iterator[tuple[str, str]]]] = {
    "mixes": _mixes,
    "losses": _losses,
    "methods": _methods,
    "recipes": _recipes,
}
