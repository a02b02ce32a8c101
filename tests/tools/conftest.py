"""What the tests of the tools share: the tools, called in this process or in one of their own."""

import importlib.util
import subprocess
import sys
from types import SimpleNamespace

import pytest


@pytest.fixture
def load_tool(root, monkeypatch):
    """Imports a tool by its path: the name of test.py is taken by Python's own tests."""

    def load(name):
        monkeypatch.syspath_prepend(str(root / "tools"))
        spec = importlib.util.spec_from_file_location(
            f"dmmix_tool_{name}", root / "tools" / f"{name}.py"
        )
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def call(load_tool, fresh_mmengine, monkeypatch, tmp_path, capsys):
    """``call('train', CONFIG, '--dry-run')`` in an empty folder: status, out, err."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOCAL_RANK", "0")  # the tools set it; put back afterwards

    def run(tool, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{tool}.py", *map(str, arguments)])
        fresh_mmengine()
        capsys.readouterr()
        status = 0
        try:
            load_tool(tool).main()
        except SystemExit as stop:
            status = stop.code
        shown = capsys.readouterr()
        return SimpleNamespace(status=status, out=shown.out, err=shown.err)

    return run


@pytest.fixture(scope="session")
def start_tool(root, tool_environment):
    """Runs a tool in a process of its own; fails with its output unless it ends as expected."""

    def run(tool, *arguments, expect=0, cwd=None, **environment):
        program = [root / "tools" / tool]
        if tool.endswith(".py"):
            program.insert(0, sys.executable)
        done = subprocess.run(
            [str(part) for part in (*program, *arguments)],
            env={**tool_environment, **environment},
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            encoding="utf-8",
        )
        assert done.returncode == expect, done.stdout[-3000:]
        return done.stdout

    return run
