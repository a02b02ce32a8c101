"""What the registries hold, by name, with the arguments of each: found once and kept in a file.

To import torch and the OpenMMLab stack takes seconds, and only then do the registries know their
classes. The file is in the user's cache; a change of dmmix, mmpretrain, mmengine, mmcv or torch
makes another one.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import os
import re
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dmmix.compat.atomic import atomic_open
from dmmix.signatures import named, rest_of, signatures

#: By name, the arguments of what is registered under it; ``None`` where it takes others as well.
Index = dict[str, list[str] | None]

_KEPT = 8  # several environments take turns
_FORM = 2  # of the file; another one where it is made in another way
_PACKAGES = ("mmpretrain", "mmengine", "mmcv", "torch")


@cache
def type_index() -> Index:
    """The index of what is installed: read, or made, which imports all of it."""
    file = _cache_folder() / f"types-{_key()}.json"
    with suppress(OSError, ValueError, LookupError, TypeError):
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept == _signed(kept["types"]):  # as it was written, or it would refuse what is right
            return kept["types"]
    index = _made()
    with suppress(OSError):  # a home that cannot be written to: found anew each time
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_open(file) as out:
            out.write(json.dumps(_signed(index)).encode())
        others = sorted(file.parent.glob("types-*.json"), key=lambda each: each.stat().st_mtime)
        for old in others[:-_KEPT]:
            old.unlink(missing_ok=True)
    return index


def _cache_folder() -> Path:
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "dmmix"


def _key() -> str:
    """Another one where what is installed is another: where it is, and when it was written."""
    parts = [str(_FORM), sys.version]
    for package in _PACKAGES:
        for folder in _folders(package):
            files = (Path(folder, name) for name in ("__init__.py", "version.py"))
            times = [str(file.stat().st_mtime_ns) for file in files if file.is_file()]
            parts += [folder, *times]
    for folder in _folders("dmmix"):  # a checkout is written to all the time
        newest = max(file.stat().st_mtime_ns for file in Path(folder).rglob("*.py"))
        parts += [folder, str(newest)]
    return _digest("\0".join(parts))[:16]


def _signed(index: Index) -> dict[str, Any]:
    return {"sha256": _digest(json.dumps(index)), "types": index}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _folders(package: str) -> list[str]:
    spec = find_spec(package)
    return list(spec.submodule_search_locations or ()) if spec else []


def _made() -> Index:
    from dmmix.registry import registries

    index: Index = {}
    for registry in registries():
        registry.import_from_location()
        for name, kind in registry.module_dict.items():
            known = _arguments(kind)
            if name in index:
                # Which one is meant depends on where it stands: what either takes is no mistake.
                other = index[name]
                known = None if known is None or other is None else sorted({*known, *other})
            index[name] = known
    return index


def _arguments(kind: Any) -> list[str] | None:
    """What it takes by keyword; of its bases too, as far as each hands on what is left."""
    names: set[str] = set()
    for function, signature in signatures(kind):
        if signature is None:
            return None
        names |= {*named(signature)} - {"self"}
        rest = rest_of(signature)
        if rest is not None and not _hands_on(function, rest):
            return None
    return sorted(names)


def _hands_on(function: Callable, rest: str) -> bool:
    """Whether a constructor leaves what it does not know to its base, untouched."""
    try:
        body = ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(function))))
    except (OSError, SyntaxError, TypeError):
        return False
    # Once in the signature and once handed on; a look at it between the two takes nothing away.
    body = re.sub(rf"\bcheck_\w+\({rest}\b", "", body)
    handed_on = re.search(rf"super\(.*?\)\.__init__\(.*\*\*{rest}\)", body)
    return handed_on is not None and len(re.findall(rf"\b{rest}\b", body)) == 2
