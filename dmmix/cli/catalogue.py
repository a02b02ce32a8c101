"""What there is: ``dmmix mixes``, ``losses``, ``methods``, ``recipes``."""

from __future__ import annotations

import argparse
import inspect
import re
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from dmmix.cli.output import quiet_pipe
from dmmix.configuration.shipped import CONFIGS, names


def main() -> None:
    kind = sys.argv[0].rpartition(" ")[2]
    parser = argparse.ArgumentParser(description=f"List the {kind} of dmmix")
    parser.add_argument("words", nargs="*", help="only those with all of these words in the name")
    args = parser.parse_args()
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the stack has to say while it is imported
        found = [*_KINDS[kind]()]
    rows = [row for row in found if all(word.lower() in row[0].lower() for word in args.words)]
    if not rows:
        print(f"error: none of the {kind} has {' '.join(args.words)} in its name", file=sys.stderr)
        sys.exit(2)
    width = max(len(name) for name, _ in rows)
    with quiet_pipe():
        for name, about in rows:
            print(f"{name:{width}}  {about}".rstrip())


def _mixes() -> Iterator[tuple[str, str]]:
    from dmmix import mixups
    from dmmix.registry import MIXUPS

    found = _registered(MIXUPS, mixups)
    return _classes(kind for kind in found if issubclass(kind, mixups.Mix))


def _losses() -> Iterator[tuple[str, str]]:
    from dmmix.models import losses
    from dmmix.registry import MODELS

    return _classes(_registered(MODELS, losses))


def _methods() -> Iterator[tuple[str, str]]:
    from dmmix.models import BatchClassifier, semi, transfer
    from dmmix.registry import MODELS

    found = _registered(MODELS, semi, transfer)
    return _classes(kind for kind in found if issubclass(kind, BatchClassifier))


def _registered(registry: Any, *modules: Any) -> list[type]:
    found = [getattr(module, name) for module in modules for name in module.__all__]
    return [kind for kind in found if kind in registry.module_dict.values()]


def _recipes() -> Iterator[tuple[str, str]]:
    for name in sorted(names()):
        yield name, _about((CONFIGS / f"{name}.py").read_text(encoding="utf-8"))


def _classes(kinds: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        sentence = re.split(r"[.;]\s|\n\n", inspect.getdoc(kind) or "")[0].rstrip(".")
        yield kind.__name__, " ".join(_as_text(sentence).split())


def _as_text(sentence: str) -> str:
    """Formulas and links as they are read in a terminal."""
    plain = re.sub(r"\\(mathrm|mathbf|mathcal|operatorname)\b|:\w+:|\\[,;!]", "", sentence)
    plain = re.sub(r"\\frac(\w)(\w)", r"\1/\2 ", plain)
    plain = plain.replace(r"\sim", "~").replace(r"\sum", "\N{N-ARY SUMMATION}")
    plain = plain.replace(r"\downarrow", "\N{DOWNWARDS ARROW}")
    return re.sub(r"\\(\w+?)(?=\b|_)", _letter, re.sub(r"[`{}]", "", plain))


def _letter(found: re.Match[str]) -> str:
    name = "LAMDA" if found[1] == "lambda" else found[1].upper()  # Unicode's spelling
    try:
        return unicodedata.lookup(f"GREEK SMALL LETTER {name}")
    except KeyError:
        return found[1]


def _about(text: str) -> str:
    """The first sentence of a config's docstring, or of the comment that it begins with."""
    found = re.match(r'\s*"""(.*?)"""', text, re.S) or re.match(r"((?:#.*\n)+)", text)
    words = "" if found is None else " ".join(re.sub(r"(?m)^# ?", "", found[1]).split())
    return re.split(r"\.(?:\s|$)", words)[0]


_KINDS: dict[str, Callable[[], Iterator[tuple[str, str]]]] = {
    "mixes": _mixes,
    "losses": _losses,
    "methods": _methods,
    "recipes": _recipes,
}
