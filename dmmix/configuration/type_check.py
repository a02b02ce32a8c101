"""Wrong types and arguments of a config, found by reading the sources: nothing is imported.

To import torch and the OpenMMLab stack takes seconds, and a mistake of the config is known only
after that. Most are plain to see before: a type that nothing in the sources bears the name of, an
argument that the class of the type does not list. This is a check of what is certain; whatever it
cannot tell (types of other packages, classes with open arguments, values) it leaves to the build.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

from dmmix.configuration.errors import suggestion

__all__ = ["arguments", "find_mistake"]

#: Where the types of a config come from, by scope.
_PACKAGES = ("dmmix", "mmpretrain", "mmengine", "mmcv")
#: mmengine offers the optimisers of these, where they are installed, without naming each.
_OPTIMIZER_PACKAGES = (
    *("bitsandbytes", "colossalai", "dadaptation", "deepspeed", "lion_pytorch", "sophia"),
    "transformers",
)
#: Keys whose values are built by a registry; others (policies, norm_cfg, ...) are not looked at.
_PARTS = {
    *("augments", "backbone", "batch_sampler", "batch_transforms", "collate_fn"),
    *("data_preprocessor", "dataset", "head", "loss", "metrics", "mixup", "mixups", "neck"),
    *("optimizer", "pipeline", "sampler", "train_cfg", "vis_backends", "worker_init_fn"),
}
_TOP_LEVEL = {
    *("custom_hooks", "data_preprocessor", "model", "optim_wrapper", "param_scheduler"),
    *("test_dataloader", "test_evaluator", "train_dataloader", "val_dataloader", "val_evaluator"),
    *("vis_backends", "visualizer"),
}
#: Keys that are taken out of a config before its class is called.
_TAKEN_OUT = {"_delete_", "_scope_", "by_epoch", "convert_to_iter_based", "priority", "type"}
#: Bases outside of the packages that have no arguments of their own.
_WITHOUT_ARGUMENTS = ("ABC", "Generic", "Module", "Protocol", "object")
_SKIPPED = ("__pycache__", "configs")
_BEFORE_A_NAME = re.compile(r"(?:[.(\[='\"]|\b(?:class|def|import)\s+)$")
_NEXT_IN_CLASS = re.compile(r"^    (?=[^\s#)])", re.M)
_NEXT_AT_MARGIN = re.compile(r"^(?=[^\s#)])", re.M)


def find_mistake(cfg: Any) -> str | None:
    """What is wrong with the first type or argument that is certainly wrong, or ``None``.

    Args:
        cfg: the config, overrides merged, custom modules not yet imported.
    """
    if not _is_ours(cfg):
        return None
    sources = _sources()
    for path, name, part in _parts(cfg):
        bare = _bare(name)
        if bare is None or (path.endswith("optimizer") and _has_other_optimizers()):
            continue
        if not sources.mention(bare):
            near = suggestion(bare, sources.registered())
            return f"unknown type {name!r}: {path}.type is in no registry of dmmix{near}"
        known = sources.arguments(bare)
        if known is None:
            continue
        for key in sorted(set(part) - known - _TAKEN_OUT):
            # Without a near one, the key may be for whoever builds the part.
            if near := suggestion(key, known):
                return f"{path}: {name} has no argument {key!r}{near}"
    return None


def arguments(kind: Any) -> set[str]:
    """What the class that a ``type`` names is known to take; empty where that is not known."""
    bare = _bare(kind)
    known = None if bare is None else _sources().arguments(bare)
    return set(known or ())


def _is_ours(cfg: Any) -> bool:
    """Whether all types of the config must be in the packages: it brings none of its own."""
    imports = (cfg.get("custom_imports") or {}).get("imports") or ()
    modules = [imports] if isinstance(imports, str) else imports
    if any(module.split(".")[0] not in _PACKAGES for module in modules):
        return False
    if cfg.get("default_scope") not in (None, *_PACKAGES):
        return False
    # A config is a program, and can register what it likes.
    return not re.search(r"^\s*(import|from|class|@)\b|register_module|__import__", cfg.text, re.M)


def _parts(cfg: Any) -> Iterator[tuple[str, str, dict]]:
    """(where, type, config) of what registries build."""
    loop = "EpochBasedTrainLoop" if _by_epoch(cfg.get("train_cfg")) else "IterBasedTrainLoop"
    for key, name in {"train_cfg": loop, "val_cfg": "ValLoop", "test_cfg": "TestLoop"}.items():
        if isinstance(cfg.get(key), dict):
            yield key, cfg[key].get("type", name), cfg[key]
    for key in sorted(_TOP_LEVEL & set(cfg)):
        yield from _nested(key, cfg[key])
    for key, hook in (cfg.get("default_hooks") or {}).items():
        yield from _nested(f"default_hooks.{key}", hook)


def _by_epoch(train_cfg: Any) -> bool:
    return isinstance(train_cfg, dict) and bool(train_cfg.get("by_epoch", True))


def _nested(path: str, node: Any) -> Iterator[tuple[str, str, dict]]:
    if isinstance(node, list | tuple):
        for index, child in enumerate(node):
            yield from _nested(f"{path}.{index}", child)
    if not isinstance(node, dict) or node.get("_scope_") not in (None, *_PACKAGES):
        return
    if isinstance(node.get("type"), str):
        yield path, node["type"], node
    for key in node:
        if key in _PARTS:
            yield from _nested(f"{path}.{key}", node[key])


def _bare(name: Any) -> str | None:
    """The name without our scopes; ``None`` where it is none of ours to judge."""
    if not isinstance(name, str):
        return None
    scope, _, bare = name.rpartition(".")
    return bare if scope in ("", *_PACKAGES) and re.fullmatch(r"[\w-]+", bare) else None


def _has_other_optimizers() -> bool:
    return any(find_spec(package) for package in _OPTIMIZER_PACKAGES)


@cache
def _sources() -> _Sources:
    """Read once in a process."""
    return _Sources()


class _Sources:
    """The text of the packages, and what can be read off it."""

    def __init__(self) -> None:
        ours = "\n".join(text for folder in _folders("dmmix") for text in _read(folder))
        folders = [folder for package in _PACKAGES[1:] for folder in _folders(package)]
        folders += [os.path.join(folder, "optim") for folder in _folders("torch")]
        self._text = "\n".join([ours, *(text for folder in folders for text in _read(folder))])
        self._end_of_ours = len(ours)
        #: Where the classes of a name begin.
        self._classes: dict[str, list[int]] = {}
        for found in re.finditer(r"^class (\w+)", self._text, re.M):
            self._classes.setdefault(found[1], []).append(found.start())
        self._arguments: dict[str, set[str] | None] = {name: set() for name in _WITHOUT_ARGUMENTS}

    def mention(self, name: str) -> bool:
        """Whether the name stands anywhere where a class, a function or a string may."""
        if name in self._classes:
            return True
        place = self._text.find(name)  # a pattern over all the text takes a tenth of a second
        while place >= 0:
            end = place + len(name)
            before, after = self._text[max(place - 8, 0) : place], self._text[end : end + 1]
            if _BEFORE_A_NAME.search(before) and not re.match(r"[\w-]", after):
                return True
            place = self._text.find(name, end)
        return False

    def registered(self) -> set[str]:
        """Names to suggest."""
        pattern = r"^@\w+\.register_module\((.*)\)\n(?:@.*\n)*(?:class|def) (\w+)"
        found = re.findall(pattern, self._text, re.M)
        by_call = re.findall(r"^\w+\.register_module\(module=(\w+)\)", self._text, re.M)
        optimizers = re.findall(r"^class (\w+)\((?:Optimizer|Adam)\)", self._text, re.M)
        strings = [string for options, _ in found for string in re.findall(r"'([\w-]+)'", options)]
        return {*(name for _, name in found), *by_call, *strings, *optimizers}

    def arguments(self, name: str) -> set[str] | None:
        """What classes of the name take by keyword, or ``None`` where that is not plain to see."""
        if name not in self._arguments:
            ours, theirs = self._places(name)
            # A class of ours is found first, and its base may have the same name.
            self._arguments[name] = None  # for a class whose base has the same name
            self._arguments[name] = known = self._union_at(theirs)
            if ours:
                own = self._union_at(ours)
                # Which of the two is meant depends on the scope: what either takes is no mistake.
                self._arguments[name] = _union([own, known]) if theirs else own
        return self._arguments[name]

    def _places(self, name: str) -> tuple[list[int], list[int]]:
        """Where classes of the name begin: dmmix's, and those of the other packages."""
        places = self._classes.get(name, [])
        ours = [place for place in places if place < self._end_of_ours]
        return ours, places[len(ours) :]

    def _union_at(self, places: list[int]) -> set[str] | None:
        return _union([self._arguments_at(place) for place in places])

    def _arguments_at(self, start: int) -> set[str] | None:
        line = self._text.index("\n", start)
        end = _NEXT_AT_MARGIN.search(self._text, line)
        block = self._text[start : end.start() if end else None]
        header = re.match(r"class \w+\s*(?:\(([^()]*)\))?\s*:", block)
        if header is None:
            return None
        own, open_ended = _own_arguments(block)
        if own is None or not open_ended:
            return own
        bases = [base.strip() for base in (header[1] or "").split(",") if base.strip()]
        # All bases, not only the next one: too many known arguments are no false alarm.
        # `transforms.X` may be of any package, `mmpretrain.datasets.X` is not.
        names = [
            base.rpartition(".")[2] if base.partition(".")[0] in ("nn", *_PACKAGES) else base
            for base in bases
            if "=" not in base
        ]
        return _union([own, *(self.arguments(name) for name in names)])


def _union(sets: Iterable[set[str] | None]) -> set[str] | None:
    """Of nothing, and of anything with something unknown, ``None``."""
    given = list(sets)
    known = [each for each in given if each is not None]
    return set().union(*known) if given and len(known) == len(given) else None


def _own_arguments(block: str) -> tuple[set[str] | None, bool]:
    """What the ``__init__`` of a class names, and whether it takes its bases' as well."""
    own = _init(block)
    if own is None:
        return (None, True) if "def __init__" in block else (set(), True)
    names = {a.arg for a in (*own.args.args, *own.args.kwonlyargs)} - {"self"}
    if own.args.kwarg is None:
        return names, False
    body, rest = ast.unparse(own), own.args.kwarg.arg
    # Once in the signature and once handed on, untouched.
    handed_on = re.search(rf"super\(.*?\)\.__init__\(.*\*\*{rest}\)", body)
    untouched = handed_on and len(re.findall(rf"\b{rest}\b", body)) == 2
    return (names if untouched else None), True


def _init(block: str) -> ast.FunctionDef | None:
    """The parsed ``__init__`` of a class that stands at the margin."""
    start = block.find("\n    def __init__(")
    if start < 0:
        return None
    end = _NEXT_IN_CLASS.search(block, start + 2)
    try:
        tree: Any = ast.parse("class _:" + block[start : end.start() if end else None])
    except SyntaxError:  # the end was not where it seemed to be
        return None
    return tree.body[0].body[0]


def _folders(package: str) -> list[str]:
    spec = find_spec(package)
    return list(spec.submodule_search_locations or ()) if spec else []


def _read(folder: str) -> Iterator[str]:
    for parent, children, files in os.walk(folder):
        children[:] = [name for name in children if name[0] != "." and name not in _SKIPPED]
        for file in files:
            if file.endswith(".py"):
                with open(os.path.join(parent, file), encoding="utf-8") as stream:
                    yield stream.read()
