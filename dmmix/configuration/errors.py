"""Mistakes that a user can act on, in words."""

from __future__ import annotations

import difflib
import inspect
import re
import sys
import traceback
from pathlib import Path

from dmmix.signatures import keywords_of
from dmmix.suggestions import suggestion

#: What to do about an argument that came along with another type.
INHERITED = (
    "if it is inherited from a config with another type, put _delete_=True beside the new type, "
    "which drops all that is inherited there"
)


class UserError(Exception):
    """A mistake in what was asked for; its text is all that the user is shown."""


def explain(error: BaseException) -> str:
    """The error's text; for an unknown type of a config with the names that come close."""
    text = str(error)
    if isinstance(error, KeyError) and error.args:
        text = str(error.args[0])  # str() of a KeyError is a repr
    if text.startswith("Caught ") and "\nOriginal Traceback" in text:  # of a loader's worker
        text = text.strip().splitlines()[-1].partition(": ")[2]
    unknown = re.search(r"'?(\S+) is not in the (.+?) registry", text)
    if unknown:
        return unknown_type(*unknown.groups())
    if isinstance(error, UserError) or (isinstance(error, Exception) and tells_all(error)):
        return text
    # mmengine prefixes where it was: class `X` in path/to/x.py: ...
    text = re.sub(r"class `(\w+)` in \S+: ", r"\1: ", text)
    text = re.sub(r"\. Did you mean '\w+'\?", "", text)  # Python 3.13 makes a suggestion itself
    argument = re.search(r"got an unexpected keyword argument '(\w+)'", text)
    if argument and "did you mean" not in text and "_delete_" not in text:
        near = suggestion(argument[1], _arguments_of_failed_build(error))
        text += near or f"; {INHERITED}"
    return f"{type(error).__name__}: {text}"


def tells_all(error: Exception) -> bool:
    """Whether the error's text says what to do, and its stack nothing more."""
    files = sys.modules.get("dmmix.compat.errors")
    return (files is not None and isinstance(error, files.DiskFullError)) or of_all_ranks(error)


def of_all_ranks(error: Exception) -> bool:
    """Whether all ranks raise it alike."""
    faults = sys.modules.get("dmmix.engine.faults.errors")
    return faults is not None and isinstance(error, faults.NonFiniteError)


def unknown_type(name: str, registry: str) -> str:
    """With suggestions from the registries of that name: dmmix's, mmpretrain's, mmengine's."""
    from dmmix.registry import near_types

    return f"unknown type {name!r}: not in the {registry} registry{near_types(name, registry)}"


def _arguments_of_failed_build(error: BaseException) -> set[str]:
    """What the class takes that mmengine was building when ``error`` was raised."""
    built = [local["obj_cls"] for local in locals_of(error) if "obj_cls" in local][-1:]
    # Loops are built without a registry: by the name of a class where it was called.
    named = re.match(r"(\w+)\.__init__\(\)", str(error))
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if named and frames:
        built.append(frames[-1].f_globals.get(named[1]))
    return {name for leaf in built if inspect.isclass(leaf) for name in keywords_of(leaf)}


def locals_of(error: BaseException, *functions: str) -> list[dict]:
    """Local variables along the stack of ``error``, outermost first; of these functions only."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return [f.f_locals for f in frames if not functions or f.f_code.co_name in functions]


def near_files(path: str) -> str:
    folder = Path(path).parent
    if not folder.is_dir():
        return f": no folder {folder}"
    if Path(path).is_dir():
        return ": it is a folder"
    names = [file.name for file in folder.glob(f"*{Path(path).suffix}") if file.is_file()]
    near = difflib.get_close_matches(Path(path).name, names, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(str(folder / n) for n in near)}?" if near else ""
