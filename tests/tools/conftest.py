"""The modules of tools/benchmarks, which import each other by their bare names."""

import importlib
import sys
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope="module")
def tool(root):
    """``tool("mixing")``: the module; once for a file of tests, as one registers a data set."""
    folder, before = str(root / "tools" / "benchmarks"), {*sys.modules}
    sys.path.insert(0, folder)
    importlib.import_module("dmmix.registry")
    yield importlib.import_module
    sys.path.remove(folder)
    for name in {*sys.modules} - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == Path(folder):
            del sys.modules[name]
    importlib.import_module("mmpretrain.registry").DATASETS.module_dict.pop("ImagesInMemory", None)


@pytest.fixture
def run(tool, monkeypatch, capsys, tmp_path):
    """``run("mixing", OPTION...)``: what its ``main()`` prints, in an empty folder."""

    def call(name, *options):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, options)])
        monkeypatch.setenv("COLUMNS", "160")
        monkeypatch.chdir(tmp_path)
        threads = torch.get_num_threads()
        try:
            tool(name).main()
        finally:
            torch.set_num_threads(threads)
        return capsys.readouterr().out

    return call
