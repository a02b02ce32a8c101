"""Packages that a page shows and that need not be there: which of its blocks can run without."""

import ast
from collections.abc import Sequence
from importlib.util import find_spec

import pytest

from tests.docs.blocks import Block

#: By the module that a block imports. Any other that is missing is an error of the page.
OPTIONAL = {"accelerate", "lightning", "timm", "torchvision", "transformers"}


def imported(code: str) -> set[str]:
    """Of the packages above, those that a block imports."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found & OPTIONAL


def runnable(found: Sequence[Block], installed=find_spec) -> tuple[list[Block], list[str]]:
    """The blocks whose packages are there, and why each other one is left out.

    A block that takes a name from one that is left out is left out with it.
    """
    kept: list[Block] = []
    why: list[str] = []
    lost: dict[str, str] = {}  # a name that is not bound now, and the package for want of which
    for block in found:
        taken, bound = names(block.code)
        missing = {name for name in imported(block.code) if not installed(name)}
        missing |= {lost[name] for name in taken & set(lost)}
        if missing:
            why.append(f"line {block.line}: no {', '.join(sorted(missing))}")
            lost |= dict.fromkeys(bound, min(missing))
        else:
            kept.append(block)
            lost = {name: package for name, package in lost.items() if name not in bound}
    return kept, why


def names(code: str) -> tuple[set[str], set[str]]:
    """Those that a block takes from the blocks before it, and those that it binds."""
    taken: set[str] = set()
    bound: set[str] = set()
    for statement in ast.parse(code).body:
        found = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        taken |= {node.id for node in found if isinstance(node.ctx, ast.Load)} - bound
        bound |= {node.id for node in found if isinstance(node.ctx, ast.Store)}
        if isinstance(statement, ast.Import | ast.ImportFrom):
            bound |= {each.asname or each.name.partition(".")[0] for each in statement.names}
        elif isinstance(statement, ast.ClassDef | ast.FunctionDef):
            bound.add(statement.name)
    return taken, bound


def prepare(*packages: str) -> None:
    """Skips where one is not installed. Most import torchvision: one that does not fit the torch
    is made to import first."""
    for package in packages:
        if find_spec(package) is None:
            pytest.skip(f"no {package}")
    if find_spec("torchvision") is not None:
        from dmmix import compat

        compat.prepare()
