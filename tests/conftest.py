"""What all tests share."""

import os
import sys
import zlib
from pathlib import Path

# Before torch is imported, and for the processes that tests start: the nets here are tiny.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Some machines set it for all; what depends on it has to set it.
os.environ.pop("PYTHONUNBUFFERED", None)

import pytest

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
    _forget_mmengine()
    yield _forget_mmengine
    _forget_mmengine()


def _forget_mmengine():
    for instances in _globals_of_mmengine():
        for instance in instances.values():
            for handler in getattr(instance, "handlers", ()):  # of a logger: its open file
                handler.close()
        instances.clear()


def _globals_of_mmengine():
    """By kind, the dicts of instances; none where a test does without mmengine."""
    if "mmengine" not in sys.modules:
        return []
    from mmengine.utils import ManagerMixin

    return [kind._instance_dict for kind in _subclasses(ManagerMixin)]


def _subclasses(kind):
    for child in kind.__subclasses__():
        yield child
        yield from _subclasses(child)


@pytest.fixture(scope="session")
def tool_environment():
    """The environment of a tool's process: this Python first, this repository importable."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    # Nothing of a Slurm job that the tests may themselves run in.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SRUN_"))}
    return {**kept, "PYTHONPATH": path, "PATH": programs, "OMP_NUM_THREADS": "1"}
