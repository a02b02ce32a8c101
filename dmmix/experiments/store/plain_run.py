"""What a run of dmmix train that no sweep made says about itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

__all__ = ["of_config", "run_name"]


def run_name(path: Path, root: Path, seed: int | None) -> str:
    """Its folder, from ``root`` on, without its seed at the end.

    ``r18_s0``, ``r18-seed0`` and ``r18/seed0`` are all the run ``r18`` with the seed 0.
    """
    path, root = path.resolve(), root.resolve()
    inside = path.relative_to(root).as_posix()
    name = root.name if inside == "." else inside
    if seed is None:
        return name
    bare = re.sub(rf"(^|[-_./])(seed|s)[-_]?{seed}$", "", name)
    if bare:
        return bare
    return (root.parent if inside == "." else root).name  # the folder is called by its seed alone


def of_config(folder: Path) -> tuple[int | None, int | None]:
    """Seed and length, in epochs or iterations, by the config that mmengine wrote to the log."""
    files = sorted(folder.glob("*/vis_data/config.py"))
    try:
        text = files[-1].read_text(encoding="utf-8", errors="replace") if files else ""
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # what ast.parse raises
        return None, None
    calls = {
        node.targets[0].id: _constants(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    train = calls.get("train_cfg", {})
    return calls.get("randomness", {}).get("seed"), train.get("max_epochs", train.get("max_iters"))


def _constants(node: ast.expr) -> dict[str, Any]:
    """The plain arguments of ``dict(...)``."""
    return {
        keyword.arg: keyword.value.value
        for keyword in getattr(node, "keywords", ())
        if keyword.arg and isinstance(keyword.value, ast.Constant)
    }
