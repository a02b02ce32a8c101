"""Wrong types and arguments of a config, told before anything heavy is imported.

Most are plain to see: a type that is in no registry, an argument that its class does not have. This
is a check of what is certain; whatever it cannot tell (types of other packages, classes with open
arguments, values) it leaves to the build.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from dmmix.configuration.type_index import type_index
from dmmix.suggestions import suggestion

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


def find_mistake(cfg: Any) -> str | None:
    """What is wrong with the first type or argument that is certainly wrong, or ``None``.

    Args:
        cfg: the config, overrides merged, custom modules not yet imported.
    """
    if not _is_ours(cfg):
        return None
    index = type_index()
    for path, name, part in _parts(cfg):
        bare = _bare(name)
        if bare is None or (path.endswith("optimizer") and _has_other_optimizers()):
            continue
        if bare not in index:
            near = suggestion(bare, {*index})
            return f"unknown type {name!r}: {path}.type is in no registry of dmmix{near}"
        known = index[bare]
        if known is None:
            continue
        for key in sorted(set(part) - {*known} - _TAKEN_OUT):
            # Without a near one, the key may be for whoever builds the part.
            if near := suggestion(key, {*known}):
                return f"{path}: {name} has no argument {key!r}{near}"
    return None


def arguments(kind: Any) -> set[str]:
    """What the class that a ``type`` names is known to take; empty where that is not known."""
    bare = _bare(kind)
    known = None if bare is None else type_index().get(bare)
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
