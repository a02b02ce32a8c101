"""What all tests share: the commands too, called in this process or in one of their own."""

import gc
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
import zlib
from importlib import import_module
from multiprocessing import active_children
from pathlib import Path
from typing import NamedTuple

# Before torch is imported, and for the processes that tests start: the nets here are tiny.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Some machines set it for all; what depends on it has to set it.
os.environ.pop("PYTHONUNBUFFERED", None)

import pytest

from tests.fresh import forget_mmengine

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser):
    parser.addoption(
        "--one-case", action="store_true", help="of each test, one of the cases it is made for"
    )


@pytest.hookimpl(trylast=True)  # after what -m leaves out
def pytest_collection_modifyitems(config, items):
    if not config.getoption("--one-case"):
        return
    cases = {}
    for item in items:
        test = item.nodeid.split("[")[0]
        cases[test] = min(cases.get(test, item), item, key=_shuffled)
    kept = set(cases.values())
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def _shuffled(item):
    """A place in an order that has nothing to do with that of the cases, and stays the same."""
    return zlib.crc32(item.nodeid.encode()), item.nodeid


@pytest.fixture(scope="session")
def root():
    """The folder of the repository."""
    return ROOT


@pytest.fixture(autouse=True)
def fresh_mmengine():
    """Every test has mmengine's global objects to itself: loggers, message hubs, default scope.

    A runner leaves them as they are, for the next test to stumble over. They are named by the
    second, so runners started one after the other would share them: between two of them, a test
    calls what this fixture gives.
    """
    forget_mmengine()
    yield forget_mmengine
    forget_mmengine()


@pytest.fixture(autouse=True)
def workers_end_with_their_test():
    """Else they end when the garbage collector comes upon their loaders, with a wait for each."""
    yield
    if active_children():
        from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

        for each in gc.get_objects():
            if issubclass(type(each), _MultiProcessingDataLoaderIter):
                each._shutdown_workers()


@pytest.fixture(scope="session")
def tool_environment():
    """The environment of a command's process: this Python first, this repository importable."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # Nothing of a Slurm job that the tests may themselves run in.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SRUN_"))}
    return {**kept, "PYTHONPATH": path, "PATH": programs, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def dm(root):
    """The config of the quickstart's third method."""
    return root / "configs" / "quickstart" / "digits_cutmix_dm.py"


@pytest.fixture
def child(dm, tmp_path):
    """Writes a config that inherits from the quickstart's."""

    def write(text, name="child.py"):
        (tmp_path / name).write_text(f"_base_ = {str(dm)!r}\n{text}\n", encoding="utf-8")
        return tmp_path / name

    return write


@pytest.fixture
def call(fresh_mmengine, monkeypatch, tmp_path, capsys):
    """``call('train', CONFIG, '--dry-run')`` in an empty folder: status, out, err."""
    from dmmix.cli.main import VERBS

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOCAL_RANK", "0")  # the commands set it; put back afterwards

    def run(verb, *arguments):
        monkeypatch.setattr(sys, "argv", [f"dmmix {verb}", *map(str, arguments)])
        fresh_mmengine()
        return called(import_module(f"dmmix.cli.{VERBS[verb][0]}").main, capsys)

    return run


@pytest.fixture
def call_script(root, monkeypatch, capsys):
    """``call_script('docs/figures/semi.py', 'fixmatch')``, likewise of a file."""

    def run(name, *arguments):
        path = root / name
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        monkeypatch.syspath_prepend(path.parent)
        return called(lambda: runpy.run_path(str(path), run_name="__main__") and 0, capsys)

    return run


class Called(NamedTuple):
    status: int
    out: str
    err: str


def called(main, capsys):
    """What came of a ``main()``."""
    capsys.readouterr()
    try:
        status = main() or 0
    except SystemExit as stop:
        status = stop.code or 0
    shown = capsys.readouterr()
    if isinstance(status, str):  # as Python itself takes it
        return Called(1, shown.out, f"{shown.err}{status}\n")
    return Called(status, shown.out, shown.err)


@pytest.fixture(scope="session")
def start(tool_environment):
    """``start('train', CONFIG)`` in a process: its output. Fails unless it ends as expected."""

    def run(verb, *arguments, **options):
        command = [sys.executable, "-m", "dmmix", *verb.split(), *arguments]
        return _output_of(command, tool_environment, **options)

    return run


@pytest.fixture(scope="session")
def start_tool(root, tool_environment):
    """The same of a script in ``tools/``."""

    def run(tool, *arguments, **options):
        program = [sys.executable] if tool.endswith(".py") else []
        command = [*program, root / "tools" / tool, *arguments]
        return _output_of(command, tool_environment, **options)

    return run


def _output_of(command, environment, *, expect=0, cwd=None, **variables):
    done = subprocess.run(
        [str(part) for part in command],
        env={**environment, **variables},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        encoding="utf-8",
    )
    assert done.returncode == expect, done.stdout[-3000:]
    return done.stdout


@pytest.fixture(scope="session")
def start_fork(start):
    """As ``start``, in a fork of this process: what it has imported need not be imported again."""
    if not hasattr(os, "fork"):
        return start

    def run(verb, *arguments, expect=0, cwd=None, **variables):
        with tempfile.TemporaryFile("w+", encoding="utf-8") as shown:
            child = os.fork()
            if not child:
                _become(shown, [*verb.split(), *map(str, arguments)], cwd, variables)
            _, status = os.waitpid(child, 0)
            shown.seek(0)
            output = shown.read()
        assert os.waitstatus_to_exitcode(status) == expect, output[-3000:]
        return output

    return run


def _become(shown, words, cwd, variables):
    """This process, a fork, is ``dmmix WORDS`` from here to its end."""
    status = 1
    try:
        for number in (1, 2):
            os.dup2(shown.fileno(), number)
        sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1, encoding="utf-8")
        os.chdir(cwd or ".")
        os.environ.update(variables)
        sys.path[:0] = variables.get("PYTHONPATH", "").split(os.pathsep)
        sys.argv = ["dmmix", *words]
        forget_mmengine()
        import_module("dmmix.cli.main").main()
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)
