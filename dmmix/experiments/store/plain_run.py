"""What a run of dmmix train that no sweep made says about itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any


def about_plain_run(folder: Path, root: Path) -> dict[str, Any]:
    """Its axes ``run`` (the folder, from ``root`` on) and ``seed``, and its length as ``steps``."""
    config = _config(folder)
    seed = config.get("randomness", {}).get("seed")
    train = config.get("train_cfg", {})
    axes = {"run": _name(folder.resolve(), root.resolve(), seed)}
    if seed is not None:
        axes["seed"] = str(seed)
    return dict(axes=axes, steps=train.get("max_epochs", train.get("max_iters")))


def _name(path: Path, root: Path, seed: int | None) -> str:
    """Without its seed at the end: ``r18_s0``, ``r18-seed0`` and ``r18/seed0`` are all ``r18``."""
    inside = path.relative_to(root).as_posix()
    name = root.name if inside == "." else inside
    if seed is None:
        return name
    bare = re.sub(rf"(^|[-_./])(seed|s)[-_]?{seed}$", "", name)
    if bare:
        return bare
    return (root.parent if inside == "." else root).name  # the folder is called by its seed alone


def _config(folder: Path) -> dict[str, dict[str, Any]]:
    """The plain arguments of each ``name = dict(...)`` in the config that mmengine logged."""
    files = sorted(folder.glob("*/vis_data/config.py"))
    try:
        text = files[-1].read_text(encoding="utf-8", errors="replace") if files else ""
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # what ast.parse raises
        return {}
    return {
        node.targets[0].id: {
            keyword.arg: keyword.value.value
            for keyword in getattr(node.value, "keywords", ())
            if keyword.arg and isinstance(keyword.value, ast.Constant)
        }
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
