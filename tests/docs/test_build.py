"""The pages are built, once: without a warning, without a network, and with all that is public."""

import re
import subprocess
import sys
import zlib
from importlib import import_module
from pkgutil import walk_packages
from pydoc import locate
from runpy import run_path

import pytest

from tests.docs.blocks import ROOT

PUBLIC = {f"dmmix.{page.stem}" for page in (ROOT / "docs" / "api").glob("*.rst")}
#: Packages inside a public one: what others need of them is public there.
INSIDE = {
    *(f"dmmix.functional.{name}" for name in ("losses", "losses.kernels", "mixing", "tensors")),
    *("dmmix.datasets.semi", "dmmix.experiments.paper.tables"),
}


@pytest.mark.slow
def test_pages(tmp_path, root, tool_environment):
    for module in ("sphinx", "furo", "myst_parser", "math_core", "mmpretrain"):
        pytest.importorskip(module)
    command = [sys.executable, "-m", "sphinx", "-qnW", "--keep-going", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", tmp_path / "doctrees", root / "docs", tmp_path / "html"],
        capture_output=True,
        text=True,
        env=tool_environment,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert not_documented((tmp_path / "html" / "objects.inv").read_bytes()) == []
    pages = (page.read_text(encoding="utf-8") for page in (tmp_path / "html").rglob("*.html"))
    assert {load for page in pages for load in loaded_from_elsewhere(page)} == set()


def not_documented(inventory):
    """Public names and registered types that are not in the inventory of the pages."""
    from sphinx.util.inventory import InventoryFile

    documented = {
        id(locate(name))
        for role, names in InventoryFile.loads(inventory, uri="").data.items()
        if role in ("py:class", "py:data", "py:exception", "py:function", "py:module")
        for name in names
        if name.startswith("dmmix.")
    }
    return [name for name, thing in public().items() if id(thing) not in documented]


def public():
    """By its name, what stands in ``__all__`` of the public modules, or is registered."""
    from dmmix.registry import registries

    modules = [import_module(name) for name in sorted(PUBLIC)]
    found = {f"{m.__name__}.{name}": getattr(m, name) for m in modules for name in m.__all__}
    for registry in registries():
        if registry.scope == "dmmix":
            registry.import_from_location()
            for name, thing in registry.module_dict.items():
                if thing.__module__.startswith("dmmix."):  # and not of another test
                    found[f"{name} in {registry.name}"] = thing
    return found


def test_inventories_are_what_their_script_writes():
    pytest.importorskip("mmpretrain")
    script = run_path(str(ROOT / "docs" / "inventories" / "write.py"))
    for project in script["PAGES"]:
        there = (ROOT / "docs" / "inventories" / f"{project}.inv").read_bytes()
        parts = (each.split(b"zlib.\n", 1) for each in (there, script["inventory"](project)))
        assert len({(head, zlib.decompress(rest)) for head, rest in parts}) == 1, project


def loaded_from_elsewhere(page):
    """Scripts, styles and pictures that a browser would fetch."""
    tags = re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", page)
    return [tag for tag in tags if re.search(r'(?:src|href)="(?:https?:)?//', tag)]


def test_every_package_is_public_or_inside_one_that_is():
    pytest.importorskip("mmpretrain")
    import dmmix

    names = {m.name for m in walk_packages(dmmix.__path__, "dmmix.") if m.ispkg}
    lists = {name for name in names if hasattr(import_module(name), "__all__")}
    assert sorted(lists) == sorted([*INSIDE, *(lists & PUBLIC)])
