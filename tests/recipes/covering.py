"""Which recipes to run so that whatever occurs together in one of them is run together once."""

import ast

from tests.recipes.shrinking import CONFIGS

PAIRS = (
    ("datasets", "models"),
    ("datasets", "schedules"),
    ("models", "objectives"),
    ("mixups", "objectives"),
)


def axes(name):
    """What a recipe is made of: by folder of ``_base_``, the file that it takes from there.

    Read off the text, so that tests can be collected where a base file is missing.
    """
    parts = {"mixups": "none", "objectives": "mce"}
    todo = [CONFIGS / f"{name}.py"]
    while todo:
        path = todo.pop()
        for base in _bases(path):
            found = (path.parent / base).resolve()
            if "_base_" not in found.parts:
                todo.append(found)
            elif found.parent.name != "_base_":
                folder, *rest = found.relative_to(CONFIGS / "_base_").with_suffix("").parts
                parts[folder] = "/".join(rest)
    return parts


def _bases(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_base_":
            bases = ast.literal_eval(node.value)
            return [bases] if isinstance(bases, str) else bases
    return []


def pairs(parts):
    return {(a, parts[a], b, parts[b]) for a, b in PAIRS}


def covering(names):
    """The first of the recipes, in order, that bring a pair that none before them had."""
    seen, chosen = set(), []
    for name in names:
        new = pairs(axes(name)) - seen
        if new:
            seen |= new
            chosen.append(name)
    return chosen
