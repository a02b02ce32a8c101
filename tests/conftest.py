"""What all tests share."""

import os
import sys
from pathlib import Path

# Before torch is imported, and for the processes that tests start: the nets here are tiny.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

ROOT = Path(__file__).resolve().parents[1]


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
