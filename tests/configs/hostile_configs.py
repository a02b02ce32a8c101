"""Random changes of shipped configs, and what comes of them."""

from __future__ import annotations

import math
import random
import traceback
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from dmmix.cli.train import _merge
from dmmix.configuration.errors import UserError, explain
from dmmix.configuration.keys import OTHER_KEYS, RUNNER_KEYS, check_top_level
from dmmix.configuration.type_check import find_mistake
from dmmix.engine import DmmixRunner, dry_run

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
#: Their data comes with scikit-learn.
DIGITS = sorted(
    str(path.relative_to(CONFIGS).with_suffix("")) for path in CONFIGS.glob("**/quickstart/*.py")
)
KINDS = {
    "bool": True,
    "string": "nonsense",
    "negative": -3,
    "huge": 10**20,
    "nan": math.nan,
    "empty list": [],
    "dict": {},
    "None": None,
    "float": 1.5,
}
MISSPELT = "misspelt"
#: Of another kind, these are not: where the config has such a value, it is not replaced by it.
_SAME = {"bool": bool, "empty list": list, "dict": dict, "None": type(None), "float": float}


class Change(NamedTuple):
    config: str
    path: tuple
    kind: str
    old: Any

    def __str__(self) -> str:
        where = ".".join(map(str, self.path))
        return f"{self.config}: {where}: {self.old!r} -> {self.kind}"


class Outcome(NamedTuple):
    """``sort`` is 'accepted', 'told' (a sentence that names the argument) or 'inside' (none)."""

    change: Change
    sort: str
    text: str = ""


def changes(names: list[str], seed: int) -> Iterator[Change]:
    """Endlessly, each leaf as likely as any other."""
    rng = random.Random(seed)
    configs = {name: Config.fromfile(CONFIGS / f"{name}.py") for name in names}
    leaves = [(name, *leaf) for name, cfg in configs.items() for leaf in _leaves(_read(cfg))]
    while True:
        name, path, old = rng.choice(leaves)
        kind = rng.choice([*KINDS, MISSPELT])
        if kind == MISSPELT and not isinstance(path[-1], str):
            continue
        if kind in _SAME and type(old) is _SAME[kind]:
            continue
        yield Change(name, path, kind, old)


def _read(cfg: Config) -> dict:
    """What a runner reads, not what other files of the config take from it."""
    # The visualizer has its own copy of vis_backends.
    known = (RUNNER_KEYS | OTHER_KEYS) - {"vis_backends"}
    return {key: cfg[key] for key in cfg if key in known}


def _leaves(node: Any, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    children: Any = ()
    if isinstance(node, dict):
        children = node.items()
    elif isinstance(node, list | tuple):
        children = enumerate(node)
        if not any(isinstance(child, dict) for child in node):
            yield path, node  # also as a whole
    else:
        yield path, node
    for key, child in children:
        yield from _leaves(child, (*path, key))


def outcome(change: Change, folder: Path) -> Outcome:
    """Builds all of the changed config and trains a step, as ``dmmix train --dry-run`` does."""
    cfg = Config.fromfile(CONFIGS / f"{change.config}.py")
    cfg.work_dir = str(folder)
    cfg.log_level = "ERROR"
    _apply(cfg, change)
    try:
        check_top_level(cfg)
        mistake = find_mistake(cfg)
        if mistake:
            raise UserError(mistake)
        dry_run(DmmixRunner.from_cfg(_merge(cfg, _Options())), steps=1)
    except Exception as error:
        text = explain(error)
        return Outcome(change, "told" if _tells(error, text, change) else "inside", text)
    return Outcome(change, "accepted")


class _Options:
    """Of dmmix train: none."""

    no_validate = amp = auto_scale_lr = overwrite = False
    seed = resume = None


def _apply(cfg: Config, change: Change) -> None:
    *parents, last = change.path
    node = cfg._cfg_dict
    for parent in parents:
        if isinstance(node[parent], tuple):
            node[parent] = list(node[parent])
        node = node[parent]
    if change.kind == MISSPELT:
        node[_misspelt(last)] = node.pop(last)
    else:
        node[last] = deepcopy(KINDS[change.kind])


def _misspelt(key: str) -> str:
    return f"{key[:2]}{key[1:]}" if len(key) > 2 else f"{key}x"


def _tells(error: Exception, text: str, change: Change) -> bool:
    """Whether the text names the argument, or one that it is a part of, in a sentence or two."""
    names = {str(part) for part in change.path[-2:] if isinstance(part, str)}
    names |= {_misspelt(name) for name in names} if change.kind == MISSPELT else set()
    if change.path[-1] == "type":
        names |= {KINDS.get(change.kind) if change.kind == "string" else "type"}
    own = traceback.extract_tb(error.__traceback__)[-1].filename.startswith(str(ROOT / "dmmix"))
    named = any(name and name in text for name in names)
    return len(text) < 600 and "\n" not in text.strip() and (named or own)
